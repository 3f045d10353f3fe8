import { describe, expect, test } from 'bun:test';

import { groupModelFiles, quantOfName } from './model-file.ts';

const found = (relativePath: string) => ({
  relativePath,
  path: `/m/${relativePath}`,
  sizeBytes: 10,
  modifiedMs: 1,
  isPartial: false,
});

describe('groupModelFiles', () => {
  test('names a model by its path without .gguf', () => {
    const [model] = groupModelFiles([found('Qwen/Qwen3-8B-Q4_K_M.gguf')]);

    expect(model).toMatchObject({ id: 'Qwen/Qwen3-8B-Q4_K_M', quant: 'Q4_K_M' });
  });

  test('combines the parts of a split model, with the path of the first', () => {
    const models = groupModelFiles([
      found('big-00002-of-00002.gguf'),
      found('big-00001-of-00002.gguf'),
    ]);

    expect(models).toMatchObject([
      { id: 'big', path: '/m/big-00001-of-00002.gguf', sizeBytes: 20, missingPart: undefined },
    ]);
  });

  test('names a missing part', () => {
    const [model] = groupModelFiles([
      found('big-00001-of-00003.gguf'),
      found('big-00003-of-00003.gguf'),
    ]);

    expect(model?.missingPart).toBe('/m/big-00002-of-00003.gguf');
  });

  test('names a file of a Hugging Face cache by its repository', () => {
    const [model] = groupModelFiles([
      found('models--unsloth--Qwen3-8B-GGUF/snapshots/0123abc/Qwen3-8B-Q8_0.gguf'),
    ]);

    expect(model?.id).toBe('unsloth/Qwen3-8B-GGUF/Qwen3-8B-Q8_0');
  });

  test.each([
    ['no name before the part number', '-00001-of-00002.gguf'],
    ['no name in its folder', 'org/-00001-of-00002.gguf'],
    ['no name at all', '.gguf'],
    ['a part number above the count', 'big-00003-of-00002.gguf'],
    ['part number 0', 'big-00000-of-00002.gguf'],
    ['a count of 0', 'big-00001-of-00000.gguf'],
  ])('does not treat a file with %s as a model', (_why, name) => {
    expect(groupModelFiles([found(name)])).toEqual([]);
  });

  test.each([
    [['a.gguf', 'a.GGUF'], '/m/a.gguf'],
    [['a-00001-of-00002.gguf', 'a.gguf'], '/m/a.gguf'],
    [['a-00001-of-00003.gguf', 'a-00001-of-00001.gguf'], '/m/a-00001-of-00001.gguf'],
  ])('gives the id that %p share to the first complete file', (names, path) => {
    const models = groupModelFiles(names.map(found));

    expect(models).toMatchObject([{ id: 'a', path, sizeBytes: 10, missingPart: undefined }]);
  });

  test('does not treat a vision projector as a model', () => {
    expect(groupModelFiles([found('org/mmproj-model-f16.gguf')])).toEqual([]);
  });
});

test.each([
  ['Qwen3-8B-Q4_K_M', 'Q4_K_M'],
  ['x.IQ2_XXS', 'IQ2_XXS'],
  ['gpt-oss-20b-mxfp4', 'MXFP4'],
  ['m-UD-Q4_K_XL', 'UD-Q4_K_XL'],
  ['org/Q8_0', 'Q8_0'],
  ['cortex-tiny', undefined],
  ['Qwen3', undefined],
])('the quantisation of %s is %p', (name, quant) => {
  expect(quantOfName(name)).toBe(quant);
});
