import { expect, test } from 'bun:test';

import { LLAMA4_CHUNK_TOKENS } from '@cortex/testkit/gguf/tiny-llama4';

import { greedy, tokensOf, writeUncuttable } from './fixtures/uncuttable-models.ts';
import { loadTiny } from './llama-under-test.ts';

test('a prompt that diverges in the middle of an earlier one gets the answer of a fresh engine if the model has a window that the file does not declare', async () => {
  const load = () =>
    loadTiny({
      modelPath: writeUncuttable('llama4'),
      slots: 1,
      contextLength: LLAMA4_CHUNK_TOKENS + 1024,
      promptCacheMib: 0,
    });
  const first = tokensOf(1, LLAMA4_CHUNK_TOKENS + 900);
  const second = [...first.slice(0, 3000), ...tokensOf(2, 20)];
  const fresh = await load();
  const expected = await greedy(fresh, second);
  await fresh.close(0);

  const engine = await load();
  await greedy(engine, first);
  const answered = await greedy(engine, second);
  await engine.close(0);

  expect(answered.text).toBe(expected.text);
  expect(answered.firstLogprob).toBeCloseTo(expected.firstLogprob, 3);
});
