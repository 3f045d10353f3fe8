import { expect, onTestFinished, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Engine } from '../../engine/engine.ts';
import type { EngineLoadSpec } from '../../engine/load.ts';
import { answerOf, ask, type Body, completionOf, type Section, suiteSpec } from '../subject.ts';

const CONTEXT_TOKENS = 2048;

/** A text of at least about `words` tokens. Texts of different topics share no prefix. */
const longText = (topic: string, words: number): string =>
  Array.from({ length: words }, (_, index) => `${topic} ${index}`).join(', ');

async function loaded(make: () => Promise<Engine>, spec: EngineLoadSpec): Promise<Engine> {
  const engine = await make();
  await engine.load(spec, () => undefined, new AbortController().signal);
  return engine;
}

const complete = (engine: Engine, body: Body) =>
  answerOf(ask(engine, body, { route: 'completions' }));

/**
 * The answer from cells that are already in the slot. Kernels differ with the width of a batch, and in a text that
 * no model was
 * trained on two tokens may be nearly as likely: the answer to a prompt that was decoded whole may be another.
 */
async function completeFromSlot(engine: Engine, body: Body) {
  await complete(engine, body);
  return complete(engine, body);
}

/** Four to six tokens per number give 1,150 to 1,750 tokens with any vocabulary, above the limit for saving. */
const bodyOf = (topic: string): Body =>
  completionOf(8, { prompt: longText(topic, 330).slice(0, 3200) });

export const promptCache: Section = (subject, options) => {
  test('a conversation that lost its only slot gets its prefix back, and gives the same text', async () => {
    const spec = {
      ...suiteSpec(options, 1),
      contextLength: CONTEXT_TOKENS,
      promptCacheMib: 256,
    };
    const engine = await loaded(subject().make, spec);
    try {
      const first = await completeFromSlot(engine, bodyOf('river'));
      const other = await complete(engine, bodyOf('mountain'));

      const again = await complete(engine, bodyOf('river'));

      expect(first.promptTokens).toBeGreaterThan(1024);
      expect(other.last.usage.cachedTokens).toBeLessThan(16);
      expect(again.last.usage.cachedTokens).toBeGreaterThanOrEqual((again.promptTokens ?? 0) - 2);
      expect(again.text).toBe(first.text);
    } finally {
      await engine.close(0);
    }
  });
};

export const slotState: Section = (subject, options) => {
  test('slots that were saved by close are restored by the next load, and give the same text', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'slot-state-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    const spec = { ...suiteSpec(options, 2), contextLength: CONTEXT_TOKENS };
    const before = await loaded(subject().make, spec);
    const first = await completeFromSlot(before, bodyOf('river'));
    await before.close(0, { saveDir: dir });
    const after = await loaded(subject().make, { ...spec, restoreDir: dir });
    try {
      const again = await complete(after, bodyOf('river'));

      expect(again.last.usage.cachedTokens).toBeGreaterThanOrEqual((again.promptTokens ?? 0) - 2);
      expect(again.text).toBe(first.text);
    } finally {
      await after.close(0);
    }
  });
};
