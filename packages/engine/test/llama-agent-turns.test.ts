import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import type { Engine } from '../src/engine/engine.ts';
import type { EngineLoadSpec } from '../src/engine/load.ts';
import { batchTokensOf } from '../src/llama/load-model.ts';
import { greedy, tokensOf, writeUncuttable } from './fixtures/uncuttable-models.ts';
import { loadTiny, TINY_SPEC } from './llama-under-test.ts';

const TURNS = 20;
const BATCH_TOKENS = batchTokensOf(TINY_SPEC);

/** The text that a template writes after the last message. */
const OPENING = [40, 41, 42];
/** Every answer repeats this token, so that the next turn can contain the answer. */
const ANSWER_TOKEN = 77;
const ANSWER_TOKENS = 20;

/** Tokens of the tool result of a turn: short ones, and some longer than a batch. */
const lengthOf = (turn: number): number => (turn % 6 === 5 ? 200 : 30);

/**
 * The conversation before the answer of `turn`. It keeps `keptTokens` of each answer, like a template that drops
 * reasoning.
 */
const historyOf = (turn: number, keptTokens: number): number[] => [
  ...tokensOf(1, 150),
  ...Array.from({ length: turn + 1 }, (_, index) => [
    ...(index > 0 ? Array<number>(keptTokens).fill(ANSWER_TOKEN) : []),
    ...tokensOf(100 + index, lengthOf(index)),
  ]).flat(),
];

const sharedOf = (a: readonly number[], b: readonly number[]): number => {
  const parted = a.findIndex((token, index) => token !== b[index]);
  return parted < 0 ? a.length : parted;
};

for (const name of ['mamba', 'jamba', 'lfm2', 'lfm2-window', 'gemma'] as const) {
  describe(`a conversation with ${name}, whose cells cannot be cut everywhere`, () => {
    const modelPath = writeUncuttable(name);
    const load = (overrides: Partial<EngineLoadSpec> = {}) =>
      loadTiny({ modelPath, slots: 1, contextLength: 4096, promptCacheMib: 64, ...overrides });
    let forgetful: Engine;
    beforeAll(async () => {
      forgetful = await load({ promptCacheMib: 0 });
    });
    afterAll(() => forgetful.close(0));
    const afresh = async (prompt: readonly number[]) => {
      await greedy(forgetful, [5], { max_tokens: 1 });
      return greedy(forgetful, prompt);
    };

    test.each([
      ['the answers as they were written', ANSWER_TOKENS],
      ['answers without their thoughts', 6],
    ])(
      `decodes at most its new tokens and one batch per turn, over ${TURNS} agent turns with %s, an edited last turn and a regenerated answer`,
      async (_, keptTokens) => {
        const engine = await load();
        let before: readonly number[] = [];
        /** Sends a turn, and checks that at most the new tokens and one batch were decoded. */
        const turn = async (prompt: readonly number[], body: Readonly<Record<string, unknown>>) => {
          const answered = await greedy(engine, prompt, body);
          const newTokens = prompt.length - sharedOf(prompt, before);
          const decoded = answered.promptTokens - answered.cachedTokens;
          if (before.length > 0) expect(decoded).toBeLessThanOrEqual(newTokens + BATCH_TOKENS);
          before = prompt;
          return answered;
        };
        const written = {
          max_tokens: ANSWER_TOKENS,
          logit_bias: { [ANSWER_TOKEN]: 100 },
        };
        for (let index = 0; index < TURNS; index++)
          await turn([...historyOf(index, keptTokens), ...OPENING], written);

        const start = historyOf(TURNS - 2, keptTokens);
        const edited = [
          ...start,
          ...Array<number>(keptTokens).fill(ANSWER_TOKEN),
          ...tokensOf(999, 40),
          ...OPENING,
        ];
        const answered = await turn(edited, {});
        const again = await turn(edited, {});

        const fresh = await afresh(edited);
        expect(fresh.cachedTokens).toBe(0);
        expect([answered.text, again.text]).toEqual([fresh.text, fresh.text]);
        await engine.close(0);
      },
    );

    test('never gets the cells of another with the same prefix, in turns, next to cancelled prompts, from RAM and from disk', async () => {
      const common = tokensOf(1, 1100);
      const own = [0, 1, 2].map((index) => [...common, ...tokensOf(200 + index, 60)]);
      const prompts = [0, 1, 0, 2, 1, 2, 0].map((conversation, turn) => {
        const prompt = [...(own[conversation] ?? []), ...tokensOf(300 + turn, 25)];
        own[conversation] = prompt;
        return prompt;
      });
      const expected: string[] = [];
      for (const prompt of prompts) expected.push((await afresh(prompt)).text);

      const saveDir = temporaryFolder('agent-turns');
      let engine = await load();
      const answers: string[] = [];
      for (const [index, prompt] of prompts.entries()) {
        if (index === 5) {
          await engine.close(0, { saveDir });
          engine = await load({ restoreDir: saveDir });
        }
        await cancelled(engine, [...common, ...tokensOf(400 + index, 300)]);
        answers.push((await greedy(engine, prompt)).text);
      }
      await engine.close(0);

      expect(answers).toEqual(expected);
    });
  });
}

let cancels = 0;

/** Sends a prompt and stops reading before its first token. */
async function cancelled(engine: Engine, prompt: readonly number[]): Promise<void> {
  const id = `cancelled-${cancels++}`;
  const body = { prompt, max_tokens: 4 };
  const request = { id, requestId: id, principal: 'test', route: 'completions' as const, body };
  const abort = new AbortController();
  for await (const event of engine.generate(request, abort.signal))
    if (event.type === 'accepted') abort.abort();
}
