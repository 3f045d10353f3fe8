import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';

import { writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { tinyGemma } from '@cortex/testkit/gguf/tiny-gemma';
import { tinyMamba } from '@cortex/testkit/gguf/tiny-recurrent';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import type { Engine } from '../src/engine/engine.ts';
import type { EngineLoadSpec } from '../src/engine/load.ts';
import { answer, loadTiny, TINY_MODEL } from './llama-under-test.ts';

const WINDOW_TOKENS = 64;

const text = (topic: string, count: number): string =>
  Array.from({ length: count }, (_, index) => `${topic} ${index}`).join(', ');

const folder = temporaryFolder('uncuttable');
const tokenizer = await readGguf(readFileSync(TINY_MODEL));
const MODELS = {
  'recurrent state': writeModel(tinyMamba(tokenizer), folder, 'mamba.gguf'),
  'a sliding window': writeModel(tinyGemma(tokenizer, WINDOW_TOKENS), folder, 'gemma.gguf'),
};

/** The answer at temperature 0, and how many of its prompt tokens were cached. */
async function greedy(engine: Engine, prompt: string) {
  const body = { prompt, temperature: 0, max_tokens: 16, ignore_eos: true };
  const { text: written, last } = await answer(engine, body, 'completions');
  if (last.type === 'error') throw new Error(last.message);
  const { cachedTokens, promptTokens } = last.usage;
  return { text: written, cachedTokens, promptTokens };
}

for (const [name, modelPath] of Object.entries(MODELS)) {
  describe(`with cells that cannot be cut (${name}),`, () => {
    const load = (overrides: Partial<EngineLoadSpec> = {}) =>
      loadTiny({ modelPath, slots: 1, contextLength: 4096, promptCacheMib: 64, ...overrides });
    /** The answer of an engine without cached cells. */
    let forgetful: Engine;
    beforeAll(async () => {
      forgetful = await load({ promptCacheMib: 0 });
    });
    afterAll(() => forgetful.close(0));
    const afresh = async (prompt: string): Promise<string> => {
      await greedy(forgetful, `${text('other', 3)} that shares nothing`);
      const cold = await greedy(forgetful, prompt);
      expect(cold.cachedTokens).toBe(0);
      return cold.text;
    };

    test('an edited question continues from the checkpoint before it, with the same text', async () => {
      const engine = await load();
      const base = text('river', 100);
      const first = await greedy(engine, base);
      // Long enough that the window has dropped the cells before it.
      await greedy(engine, `${base}${text(' mountain', 150)}`);

      const again = await greedy(engine, `${base}${text(' forest', 20)}`);

      expect(again.cachedTokens).toBeGreaterThanOrEqual(first.promptTokens - 16);
      expect(again.cachedTokens).toBeLessThan(first.promptTokens + 2);
      expect(again.text).toBe(await afresh(`${base}${text(' forest', 20)}`));
      await engine.close(0);
    });

    test('a repeated prompt is decoded only near its end, with the same text', async () => {
      const engine = await load();
      const prompt = text('desert', 150);
      const first = await greedy(engine, prompt);

      const again = await greedy(engine, prompt);

      expect(again.cachedTokens).toBeGreaterThanOrEqual(first.promptTokens - 8);
      expect(again.text).toBe(await afresh(prompt));
      await engine.close(0);
    });

    test('a conversation that lost its slot is restored with its checkpoints, with the same text', async () => {
      const engine = await load();
      const prompt = text('island', 250);
      const first = await greedy(engine, prompt);
      await greedy(engine, text('lake', 250));

      const again = await greedy(engine, prompt);

      expect(first.promptTokens).toBeGreaterThan(1024);
      expect(again.cachedTokens).toBeGreaterThanOrEqual(first.promptTokens - 8);
      expect(again.text).toBe(await afresh(prompt));
      await engine.close(0);
    });
  });
}
