import { describe, expect, test } from 'bun:test';

import { embeddingModel, writeModel } from '@cortex/testkit/gguf/pooled-models';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import type { Engine } from '../src/engine/engine.ts';
import type { DraftSource } from '../src/engine/load.ts';
import { answerOf, ask, type Body, completionOf } from '../src/conformance/subject.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { TINY_MODEL, TINY_SPEC } from './llama-under-test.ts';

const REPETITIVE = 'one two three four five one two three four five one two three four';

/** Requests that end, branch or meet a constraint in the middle of a draft. */
const REQUESTS: readonly (readonly [string, Body])[] = [
  ['greedy', completionOf(40, { prompt: REPETITIVE })],
  ['seeded', completionOf(40, { prompt: REPETITIVE, temperature: 1, seed: 7 })],
  ['penalised', completionOf(40, { prompt: REPETITIVE, frequency_penalty: 1 })],
  ['stopped', completionOf(40, { prompt: REPETITIVE, stop: [' three'] })],
  ['two choices', completionOf(24, { prompt: REPETITIVE, n: 2, temperature: 1, seed: 3 })],
  ['logprobs', completionOf(12, { prompt: REPETITIVE, logprobs: 1 })],
];

async function engineWith(draft: DraftSource | undefined): Promise<Engine> {
  const engine = createLlamaEngine();
  const spec = { ...TINY_SPEC, slots: 2, contextLength: 512, ...(draft && { draft }) };
  await engine.load(spec, () => undefined, new AbortController().signal);
  return engine;
}

async function answers(engine: Engine): Promise<unknown[]> {
  const out: unknown[] = [];
  for (const [name, body] of REQUESTS) {
    const { items, last } = await answerOf(ask(engine, body, { route: 'completions' }));
    const texts = [0, 1].map((index) =>
      items
        .filter((item) => (item.index ?? 0) === index)
        .map((item) => item.text ?? '')
        .join(''),
    );
    const logprobs = items.flatMap((item) => item.logprobs ?? []).map(({ token }) => token);
    out.push({ name, texts, logprobs, finish: last.finish, tokens: last.usage.completionTokens });
  }
  return out;
}

describe('speculative decoding', () => {
  const drafts: readonly (readonly [string, DraftSource])[] = [
    ['looked up', { kind: 'lookup' }],
    ['by a model', { kind: 'model', modelPath: TINY_MODEL }],
  ];

  test.each(drafts)(
    'with %s accepts drafts and does not change the answers',
    async (_name, draft) => {
      const [plain, drafted] = await Promise.all([engineWith(undefined), engineWith(draft)]);
      try {
        const expected = await answers(plain);

        const actual = await answers(drafted);

        expect(actual).toEqual(expected);
        const stats = await drafted.stats();
        expect(stats.acceptedTokens).toBeGreaterThan(0);
        expect(stats.draftError).toBeUndefined();
        expect(stats).toMatchObject({ busySlots: 0, queueDepth: 0 });
      } finally {
        await Promise.all([plain.close(0), drafted.close(0)]);
      }
    },
  );

  test('accepts nearly all drafts of a model for itself, in fewer steps', async () => {
    const [plain, drafted] = await Promise.all([
      engineWith(undefined),
      engineWith({ kind: 'model', modelPath: TINY_MODEL }),
    ]);
    try {
      const body = completionOf(64, { prompt: REPETITIVE });
      await answerOf(ask(plain, body, { route: 'completions' }));
      await answerOf(ask(drafted, body, { route: 'completions' }));

      const [before, after] = await Promise.all([plain.stats(), drafted.stats()]);

      const { draftedTokens = 0, acceptedTokens = 0 } = after;
      expect(acceptedTokens / draftedTokens).toBeGreaterThan(0.9);
      expect(after.batchSizes['1'] ?? 0).toBeLessThan((before.batchSizes['1'] ?? 0) / 2);
    } finally {
      await Promise.all([plain.close(0), drafted.close(0)]);
    }
  });

  test('refuses a draft model of another vocabulary when the model is loaded', async () => {
    const modelPath = writeModel(embeddingModel(), temporaryFolder('draft'), 'other.gguf');

    await expect(engineWith({ kind: 'model', modelPath })).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining(modelPath),
    });
  });
});
