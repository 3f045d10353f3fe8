import { describe, expect, test } from 'bun:test';

import { draftFinder, isDraftModel, projectorFinder } from './companions.ts';

const found = (relativePath: string) => ({
  relativePath,
  path: `/m/${relativePath}`,
  sizeBytes: 1,
  modifiedMs: 0,
  isPartial: false,
});

const pick = (stem: string, neighbours: readonly string[], names: readonly string[]) =>
  projectorFinder(neighbours, names.map(found))(stem)?.relativePath;

test('a projector belongs to the models of its folder, F16 first', () => {
  const models = ['org/m/m-Q4_0', 'org/m/m-Q8_0'];

  expect(pick('org/m/m-Q8_0', models, ['org/m/mmproj-F32.gguf', 'org/m/mmproj-F16.gguf'])).toBe(
    'org/m/mmproj-F16.gguf',
  );
  expect(pick('m-Q8_0', ['m-Q8_0'], ['org/mmproj-F16.gguf'])).toBeUndefined();
});

test('a projector belongs to the models in folders that are named for a quantisation', () => {
  expect(pick('org/m/Q8_0/m', ['org/m/Q8_0/m'], ['org/m/mmproj-F16.gguf'])).toBe(
    'org/m/mmproj-F16.gguf',
  );
});

test('a projector in a folder with different models belongs to the model that it names', () => {
  const models = ['gemma-3-4b-Q4_0', 'qwen-vl-Q4_0'];
  const names = ['mmproj-gemma-3-4b-f16.gguf'];

  expect(pick('gemma-3-4b-Q4_0', models, names)).toBe('mmproj-gemma-3-4b-f16.gguf');
  expect(pick('qwen-vl-Q4_0', models, names)).toBeUndefined();
});

test('a draft in the folder of a model does not make the folder one of several models', () => {
  expect(pick('m-Q8_0', ['m-Q8_0', 'm-draft-Q8_0'], ['mmproj-F16.gguf'])).toBe('mmproj-F16.gguf');
});

describe('the draft of a model', () => {
  const draftOf = (stem: string, models: readonly string[], names: readonly string[]) => {
    const drafts = names.map(found).filter(isDraftModel);
    const stems = [...models, ...names.map((name) => name.replace('.gguf', ''))];
    return draftFinder(stems, drafts)(stem)?.relativePath;
  };

  test.each([
    [
      'the one in its folder, Q8_0 first',
      'a/m-Q4_0',
      ['a/m-draft-F16.gguf', 'a/m-draft-Q8_0.gguf'],
    ],
    ['the one above a folder for a quantisation', 'a/Q4_0/m', ['a/m-draft-Q8_0.gguf']],
  ])('is %s', (_which, stem, names) => {
    expect(draftOf(stem, [stem], names)).toBe('a/m-draft-Q8_0.gguf');
  });

  test.each([
    ['layers that work only inside their model', ['m'], ['mtp-m.gguf', 'm-eagle3-draft.gguf']],
    ['one in another folder', ['m'], ['a/m-draft.gguf']],
    ['one that is split', ['m'], ['m-draft-00001-of-00002.gguf']],
    ['one that names another model of the folder', ['m', 'other'], ['other-draft.gguf']],
  ])('is not %s', (_which, models, names) => {
    expect(draftOf('m', models, names)).toBeUndefined();
  });

  test('has no draft itself', () => {
    expect(
      draftOf('m-draft-Q4_0', ['m'], ['m-draft-Q4_0.gguf', 'm-draft-Q8_0.gguf']),
    ).toBeUndefined();
  });
});
