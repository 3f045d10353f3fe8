import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import { estimateBytes, planSave, type SavedCells } from './cache-plan.ts';

const tokens = (length: number, topic = 0): Uint32Array =>
  Uint32Array.from({ length }, (_, index) => topic * 100_000 + index);

const entry = (of: Uint32Array, lastUse: number, bytes = of.length): SavedCells => ({
  tokens: of,
  bytes,
  lastUse,
});

const request = (of: Uint32Array, overrides: object = {}) => ({
  cells: of,
  lostTokens: of.length,
  estimatedBytes: of.length,
  maxBytes: 10_000,
  writeMs: 0.5,
  decodeMsPerToken: 1,
  ...overrides,
});

describe('planSave', () => {
  test('does not save a loss of up to 1,024 tokens', () => {
    const cells = tokens(5000);

    expect(planSave([], request(cells, { lostTokens: 1024 })).kind).toBe('skip');
    expect(planSave([], request(cells, { lostTokens: 1025 })).kind).toBe('save');
  });

  test('does not save the same cells again, but does save a single new token', () => {
    const saved = [entry(tokens(2000), 1)];

    expect(planSave(saved, request(tokens(2000))).kind).toBe('skip');
    expect(planSave(saved, request(tokens(1500))).kind).toBe('skip');
    expect(planSave(saved, request(tokens(2001)))).toMatchObject({ kind: 'save', replaced: saved });
  });

  test('replaces the previous turn, even if the end of its answer came back changed', () => {
    const before = entry(Uint32Array.of(...tokens(2000), 7, 7, 7), 1);
    const branch = entry(Uint32Array.of(...tokens(1500), ...tokens(300, 9)), 2);

    expect(planSave([before, branch], request(tokens(2500)))).toEqual({
      kind: 'save',
      drop: [],
      replaced: [before],
    });
  });

  test('removes the previous turn before the write only if its space is needed', () => {
    const before = entry(tokens(2000), 2);
    const other = entry(tokens(3000, 1), 1);
    const plan = (maxBytes: number) =>
      planSave([before, other], request(tokens(2500), { maxBytes }));

    expect(plan(7500)).toEqual({ kind: 'save', drop: [], replaced: [before] });
    expect(plan(7499)).toEqual({ kind: 'save', drop: [before], replaced: [] });
    expect(plan(5499)).toEqual({ kind: 'save', drop: [before, other], replaced: [] });
  });

  test('writes a file again only if that takes less time than decoding the new tokens', () => {
    const saved = [entry(tokens(9000), 1)];
    const slow = { writeMs: 300, decodeMsPerToken: 1 };

    expect(planSave(saved, request(tokens(9050), slow)).kind).toBe('skip');
    expect(planSave(saved, request(tokens(9500), slow)).kind).toBe('save');
  });

  test('removes the least recently used entries first', () => {
    const oldest = entry(tokens(4000, 2), 1);
    const saved = [entry(tokens(4000, 1), 3), oldest, entry(tokens(2000, 3), 2)];

    expect(planSave(saved, request(tokens(3000)))).toMatchObject({ kind: 'save', drop: [oldest] });
  });

  test('keeps within the bound, removes nothing without need, and removes nothing before an older entry', () => {
    const entries = fc.array(
      fc.record({
        topic: fc.integer({ min: 0, max: 3 }),
        length: fc.integer({ min: 300, max: 3000 }),
        lastUse: fc.nat(),
      }),
      { maxLength: 6 },
    );
    const wanted = fc.record({
      length: fc.integer({ min: 1, max: 4000 }),
      lostTokens: fc.integer({ min: 0, max: 4000 }),
      maxBytes: fc.integer({ min: 0, max: 12_000 }),
    });
    fc.assert(
      fc.property(entries, wanted, (listed, { length, lostTokens, maxBytes }) => {
        const cells = tokens(length);
        const saved = listed.map((one) => entry(tokens(one.length, one.topic), one.lastUse));
        const plan = planSave(saved, request(cells, { lostTokens, maxBytes }));
        if (plan.kind === 'skip') return;

        const kept = saved.filter((one) => !plan.drop.includes(one));
        const bytes = kept.reduce((total, one) => total + one.bytes, 0);
        const others = plan.drop.filter((one) => one.tokens[0] !== 0);
        expect(lostTokens).toBeGreaterThan(1024);
        expect(bytes + length).toBeLessThanOrEqual(maxBytes);
        for (const dropped of others) {
          for (const stays of kept) expect(stays.lastUse).toBeGreaterThanOrEqual(dropped.lastUse);
        }
        const last = others.toSorted((a, b) => b.lastUse - a.lastUse)[0];
        if (last !== undefined) expect(bytes + last.bytes + length).toBeGreaterThan(maxBytes);
      }),
    );
  });
});

test('estimateBytes uses the memory of the context for the first file, if its cells are large', () => {
  expect(estimateBytes([], 1000, 1000)).toBe(0);
  expect(estimateBytes([], 60_000, 125_000)).toBe(6_000_000_000);
});

test('estimateBytes derives the size of a file from earlier files', () => {
  expect(estimateBytes([{ tokens: 1000, bytes: 2000 }], 500, 99)).toBe(1000);
  const fixedPart = [
    { tokens: 1000, bytes: 10_000 },
    { tokens: 2000, bytes: 11_000 },
  ];
  expect(estimateBytes(fixedPart, 5000, 99)).toBe(14_000);
});
