import { describe, expect, test } from 'bun:test';

import { chooseModel, type ModelChoice } from './choose-model.ts';

const choose = (names: readonly string[], choice: ModelChoice = {}) =>
  chooseModel(
    'hf:org/m',
    names.map((name) => ({
      relativePath: name,
      path: name,
      sizeBytes: 1,
      modifiedMs: 0,
      isPartial: false,
    })),
    choice,
  );

const SEVERAL = ['m-Q8_0.gguf', 'm-Q5_K_M.gguf', 'm-Q5_K_S.gguf', 'm-F16.gguf'];

describe('the model of a repository', () => {
  test.each<[string, readonly string[], ModelChoice, string]>([
    ['the only one', ['m.gguf'], {}, 'm.gguf'],
    ['Q4_K_M among several', ['m-Q4_K_M.gguf', ...SEVERAL], {}, 'm-Q4_K_M.gguf'],
    ['the named quantisation', SEVERAL, { quant: 'q8_0' }, 'm-Q8_0.gguf'],
    ['the named file', SEVERAL, { file: 'm-F16.gguf' }, 'm-F16.gguf'],
    ['a lone file without a quantisation', ['m.gguf'], { quant: 'Q8_0' }, 'm.gguf'],
    ['not its draft', ['m-Q8_0.gguf', 'm-draft-Q8_0.gguf'], { quant: 'Q8_0' }, 'm-Q8_0.gguf'],
    ['its draft if named', ['m.gguf', 'mtp-m.gguf'], { file: 'mtp-m.gguf' }, 'mtp-m.gguf'],
    [
      'the model that a later part names',
      ['Q8_0/m-00001-of-00002.gguf', 'Q8_0/m-00002-of-00002.gguf'],
      { file: 'Q8_0/m-00002-of-00002.gguf' },
      'Q8_0/m-00001-of-00002.gguf',
    ],
  ])('is %s', (_what, names, choice, path) => {
    expect(choose(names, choice).path).toBe(path);
  });

  test('has its parts in order, and the F16 projector beside it', () => {
    const model = choose([
      'Q8_0/m-00002-of-00002.gguf',
      'Q8_0/m-00001-of-00002.gguf',
      'Q8_0/mmproj-Q8_0.gguf',
      'Q8_0/mmproj-F16.gguf',
    ]);

    expect(model).toMatchObject({
      quant: 'Q8_0',
      parts: ['Q8_0/m-00001-of-00002.gguf', 'Q8_0/m-00002-of-00002.gguf'],
      projector: 'Q8_0/mmproj-F16.gguf',
    });
  });

  test.each<[string, readonly string[], ModelChoice, string]>([
    [
      'a quantisation that it does not have, naming the nearest',
      SEVERAL,
      { quant: 'Q5_K' },
      'hf:org/m has no Q5_K. The nearest is Q5_K_M. It also has Q5_K_S, Q8_0, F16.',
    ],
    ['no quantisation if several fit', SEVERAL, {}, 'Choose one with quant: Q8_0, Q5_K_M'],
    [
      'a file that it does not have',
      ['m.gguf'],
      { file: 'x.gguf' },
      'has no x.gguf. It has: m.gguf',
    ],
    [
      'a file of another quantisation',
      SEVERAL,
      { file: 'm-F16.gguf', quant: 'Q8_0' },
      'm-F16.gguf of hf:org/m is F16, not Q8_0',
    ],
    [
      'a quantisation of several models',
      ['a-Q8_0.gguf', 'b-Q8_0.gguf'],
      { quant: 'Q8_0' },
      'a-Q8_0.gguf, b-Q8_0.gguf',
    ],
    ['several models without quantisations', ['a.gguf', 'b.gguf'], {}, 'a.gguf, b.gguf'],
    ['nothing but projectors', ['mmproj-F16.gguf'], {}, 'has no GGUF file of a model'],
    ['a split model with a missing part', ['m-00002-of-00002.gguf'], {}, 'm-00001-of-00002.gguf'],
  ])('is refused for %s', (_what, names, choice, message) => {
    expect(() => choose(names, choice)).toThrow(message);
  });
});
