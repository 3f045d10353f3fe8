import { expect, test } from 'bun:test';

import { projectorFinder } from './projectors.ts';

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
