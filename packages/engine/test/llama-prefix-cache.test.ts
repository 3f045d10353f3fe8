import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine/engine.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const LONG = Array.from({ length: 60 }, (_, i) => `word${i}`).join(' ');
const greedy = { temperature: 0, max_tokens: 12 };

describe('the prefix cache', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny();
  });
  afterAll(() => engine.close(0));

  const ask = (prompt: string) => answer(engine, { prompt, ...greedy }, 'completions');

  test('decodes a prompt that extends an earlier one from the end of the shared prefix', async () => {
    const first = await ask(`${LONG} one`);
    const second = await ask(`${LONG} one two three`);

    if (first.last.type !== 'done' || second.last.type !== 'done') throw new Error('not done');
    expect(first.last.usage.cachedTokens).toBe(0);
    expect(second.last.usage.cachedTokens).toBeGreaterThanOrEqual(
      first.last.usage.promptTokens - 1,
    );
    expect(second.last.usage.cachedTokens).toBeLessThan(second.last.usage.promptTokens);
  });

  test('gives the same text at temperature 0 with and without reused cells', async () => {
    const warm = await ask(`${LONG} alpha beta`);
    const fresh = await loadTiny();
    const cold = await answer(fresh, { prompt: `${LONG} alpha beta`, ...greedy }, 'completions');
    await fresh.close(0);

    expect(warm.text).toBe(cold.text);
  });

  test('keeps one slot for each of two alternating long conversations', async () => {
    const turns: string[] = [`A ${LONG}`, `B ${LONG}`];
    for (const turn of turns) await ask(turn);

    for (const turn of turns) {
      const { last } = await ask(`${turn} more`);
      if (last.type !== 'done') throw new Error(last.message);
      expect(last.usage.cachedTokens).toBeGreaterThan(last.usage.promptTokens * 0.8);
    }
  });

  test('copies a prompt that is sent twice at the same time between slots, with the same text', async () => {
    const prompt = `C ${LONG} ${LONG}`;
    const [one, two] = await Promise.all([ask(prompt), ask(prompt)]);

    expect(one.text).toBe(two.text);
  });

  test('decodes the prompt of n choices once', async () => {
    const { last, items } = await answer(
      engine,
      { prompt: `D ${LONG}`, n: 2, temperature: 1, seed: 5, max_tokens: 8, ignore_eos: true },
      'completions',
    );

    if (last.type !== 'done') throw new Error(last.message);
    expect(last.finish).toHaveLength(2);
    expect(last.usage.promptTokens).toBeLessThan(400);
    expect(new Set(items.map((item) => item.index ?? 0))).toEqual(new Set([0, 1]));
  });
});
