import { describe, expect, test } from 'bun:test';

import type { FoundFile } from './found-file.ts';
import { groupModels } from './model-file.ts';

const found = (relativePath: string) => ({
  relativePath,
  path: `/m/${relativePath}`,
  sizeBytes: 10,
  modifiedMs: 1,
  isPartial: false,
});

const groupModelFiles = (files: readonly FoundFile[]) => groupModels(files).models;

describe('the models of a folder', () => {
  test('have their path without .gguf as id', () => {
    const [model] = groupModelFiles([found('Qwen/Qwen3-8B-Q4_K_M.gguf')]);

    expect(model).toMatchObject({ id: 'Qwen/Qwen3-8B-Q4_K_M', quant: 'Q4_K_M' });
  });

  test('combine the parts of a split model, with the path of the first', () => {
    const models = groupModelFiles([
      found('big-00002-of-00002.gguf'),
      found('big-00001-of-00002.gguf'),
    ]);

    expect(models).toMatchObject([
      { id: 'big', path: '/m/big-00001-of-00002.gguf', sizeBytes: 20, missingPart: undefined },
    ]);
  });

  test('name a missing part', () => {
    const [model] = groupModelFiles([
      found('big-00001-of-00003.gguf'),
      found('big-00003-of-00003.gguf'),
    ]);

    expect(model?.missingPart).toBe('/m/big-00002-of-00003.gguf');
  });

  test('have the name of their repository in a Hugging Face cache, the oldest alone if there are several', () => {
    const folder = 'models--unsloth--Qwen3-8B-GGUF/snapshots/0123abc';
    const models = groupModelFiles([
      { ...found(`${folder}/Qwen3-8B-Q4_0.gguf`), modifiedMs: 2 },
      found(`${folder}/Qwen3-8B-Q8_0.gguf`),
    ]);

    expect(models.map(({ id, quant }) => [id, quant])).toEqual([
      ['unsloth/Qwen3-8B-GGUF/Qwen3-8B-Q4_0', 'Q4_0'],
      ['unsloth/Qwen3-8B-GGUF', 'Q8_0'],
    ]);
  });

  test('do not give the name of their repository to a draft', () => {
    const folder = 'models--org--m/snapshots/0123abc';
    const models = groupModelFiles([
      { ...found(`${folder}/m-Q4_0.gguf`), modifiedMs: 2, sizeBytes: 20 },
      found(`${folder}/m-draft-Q8_0.gguf`),
    ]);

    expect(models).toMatchObject([
      { id: 'org/m', draft: `/m/${folder}/m-draft-Q8_0.gguf` },
      { id: 'org/m/m-draft-Q8_0', draft: undefined },
    ]);
  });

  test.each([
    ['as large as the model', {}],
    ['still being downloaded', { sizeBytes: 1, isPartial: true }],
  ])('have no draft that is %s', (_which, draft) => {
    const models = groupModelFiles([found('m.gguf'), { ...found('m-draft.gguf'), ...draft }]);

    expect(models.map((model) => model.draft)).toEqual([undefined, undefined]);
  });

  test('are those of the newest snapshot of a repository, and no parts of others', () => {
    const at = (snapshot: string, name: string) =>
      found(`models--org--m/snapshots/${snapshot}/m-Q8_0${name}.gguf`);
    const models = groupModelFiles([
      at('aaa', '-00001-of-00002'),
      at('aaa', '-00002-of-00002'),
      { ...at('bbb', '-00001-of-00002'), modifiedMs: 5 },
      { ...at('bbb', '-00002-of-00002'), modifiedMs: 5 },
    ]);

    expect(models).toMatchObject([
      {
        id: 'org/m',
        parts: [1, 2].map((n) => at('bbb', `-0000${n}-of-00002`).path),
      },
    ]);
  });

  test.each([
    ['no name before the part number', '-00001-of-00002.gguf'],
    ['no name in its folder', 'org/-00001-of-00002.gguf'],
    ['no name at all', '.gguf'],
    ['a part number above the count', 'big-00003-of-00002.gguf'],
    ['part number 0', 'big-00000-of-00002.gguf'],
    ['a count of 0', 'big-00001-of-00000.gguf'],
  ])('do not include a file with %s', (_why, name) => {
    expect(groupModelFiles([found(name)])).toEqual([]);
  });

  test.each([
    [['a.gguf', 'a.GGUF'], '/m/a.gguf'],
    [['a-00001-of-00002.gguf', 'a.gguf'], '/m/a.gguf'],
    [['a-00001-of-00003.gguf', 'a-00001-of-00001.gguf'], '/m/a-00001-of-00001.gguf'],
  ])('share the id of %p: the first complete file gets it', (names, path) => {
    const models = groupModelFiles(names.map(found));

    expect(models).toMatchObject([{ id: 'a', path, sizeBytes: 10, missingPart: undefined }]);
  });

  test('do not include a vision projector', () => {
    expect(groupModelFiles([found('org/mmproj-model-f16.gguf')])).toEqual([]);
  });
});
