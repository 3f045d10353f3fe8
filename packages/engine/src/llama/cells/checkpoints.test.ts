import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import { leastUseful, nextCheckpoint } from './checkpoints.ts';

const BATCH_TOKENS = 128;

/** The positions at which a prompt of `promptTokens` stops if it reuses `from` cells. */
function stopsOf(promptTokens: number, from = 0): number[] {
  const stops: number[] = [];
  for (let decoded = from; decoded < promptTokens; decoded = stops.at(-1) ?? promptTokens)
    stops.push(nextCheckpoint({ decoded, promptTokens, batchTokens: BATCH_TOKENS }));
  return stops;
}

describe('the checkpoints of a prompt', () => {
  test('are at most one batch apart in its last eight batches, and the last one is 8 tokens before its end', () => {
    const prompts = fc.record({
      tokens: fc.integer({ min: 9, max: 20_000 }),
      from: fc.nat(20_000),
    });
    fc.assert(
      fc.property(prompts, ({ tokens, from }) => {
        const start = Math.min(from, tokens - 9);
        const stops = stopsOf(tokens, start);

        expect(stops.at(-1)).toBe(tokens);
        expect(stops.at(-2)).toBe(tokens - 8);
        const near = [start, ...stops].filter((at) => at >= tokens - 8 - 8 * BATCH_TOKENS);
        for (const [index, at] of near.entries())
          expect(at - (near[index - 1] ?? at)).toBeLessThanOrEqual(BATCH_TOKENS);
      }),
    );
  });

  test('are sparse far from its end', () => {
    expect(stopsOf(100_000).length).toBeLessThan(100_000 / 8192 + 12);
  });
});

test('a list that drops checkpoints keeps the last one, and keeps more near its end than far from it', () => {
  const list = Array.from({ length: 64 }, (_, index) => ({ length: (index + 1) * 100 }));
  while (list.length > 8) {
    const least = leastUseful(list);
    if (least !== undefined) list.splice(list.indexOf(least), 1);
  }

  const distances = list.map(({ length }) => 6400 - length);
  expect(distances.at(-1)).toBe(0);
  expect(distances.filter((distance) => distance <= 800).length).toBeGreaterThanOrEqual(3);
  expect(distances[0]).toBeGreaterThan(3000);
});
