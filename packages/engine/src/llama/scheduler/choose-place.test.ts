import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import { choosePlace, type PlaceRequest, pricedPlaces } from './choose-place.ts';
import type { SavedCandidate, SlotCandidate } from '../cells/place.ts';
import { sharedTokens, type Slot } from '../cells/slots.ts';

const RATES = { decodeMsPerToken: 1, moveMsPerCell: 0.1, savedFromTokens: undefined };

const slot = (id: number, cells: readonly number[], overrides: Partial<Slot> = {}): Slot => ({
  id,
  cells: [...cells],
  lastUsedMs: 0,
  isBusy: false,
  ...overrides,
});

/** Candidates for slots whose cells can be cut anywhere. */
const seenBy = (prompt: readonly number[], slots: readonly Slot[]): SlotCandidate[] =>
  slots.map((one) => {
    const shared = sharedTokens(one.cells, prompt);
    return { slot: one, shared, kept: shared, copied: shared };
  });

const place = (
  slots: readonly Slot[],
  prompt: readonly number[],
  saved: readonly SavedCandidate<string>[] = [],
) =>
  choosePlace({
    promptTokens: prompt.length,
    candidates: seenBy(prompt, slots),
    saved,
    rates: RATES,
  });

const range = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i);

describe('choosePlace', () => {
  test('chooses the free slot with the longest prefix of the prompt', () => {
    const chosen = place([slot(0, [1, 2]), slot(1, [1, 2, 3]), slot(2, [9])], [1, 2, 3, 4]);

    expect(chosen).toMatchObject({ slot: { id: 1 }, kept: 3, lost: 0, from: { kind: 'own' } });
  });

  test('chooses the longest idle slot of those with the same cost', () => {
    const chosen = place([slot(0, [], { lastUsedMs: 2 }), slot(1, [], { lastUsedMs: 1 })], [1]);

    expect(chosen?.slot.id).toBe(1);
  });

  test('returns undefined when all slots are busy', () => {
    expect(place([slot(0, [1], { isBusy: true })], [1])).toBeUndefined();
  });

  test('copies from a busy slot with a much longer prefix of the prompt', () => {
    const shared = range(100);
    const busy = slot(0, shared, { isBusy: true });

    const chosen = place([busy, slot(1, [7, 7, 7]), slot(2, [])], [...shared, 500]);

    expect(chosen).toMatchObject({ slot: { id: 2 }, from: { kind: 'slot', slot: { id: 0 } } });
  });

  test('does not copy a long conversation for a short shared prefix', () => {
    const shared = range(100);
    const busy = slot(0, [...shared, ...range(5000, 1000)], { isBusy: true });

    expect(place([busy, slot(1, [])], [...shared, 500])?.from.kind).toBe('own');
  });

  test('does not copy for a few tokens', () => {
    const chosen = place([slot(0, [1], { isBusy: true }), slot(1, [])], [1, 2]);

    expect(chosen?.from.kind).toBe('own');
  });

  test('does not reuse the slot of a long conversation for the prefix of all prompts', () => {
    const long = slot(0, [1, 2, 3, ...range(5000, 1000)], { lastUsedMs: 1 });

    const chosen = place([long, slot(1, [8, 9], { lastUsedMs: 0 })], [1, 2, 3, 4]);

    expect(chosen).toMatchObject({ slot: { id: 1 }, kept: 0, lost: 2 });
  });

  test('copies the prefix of a conversation to a spare slot rather than lose the rest', () => {
    const system = range(800);
    const main = slot(0, [...system, ...range(3000, 5000)]);
    const agent = [...system, ...range(50, 90_000)];

    expect(place([main, slot(1, range(100, 70_000))], agent)).toMatchObject({
      slot: { id: 1 },
      kept: 800,
      from: { kind: 'slot', slot: { id: 0 } },
    });
    expect(place([main, slot(1, range(4000, 70_000))], agent)).toMatchObject({
      slot: { id: 0 },
      from: { kind: 'own' },
    });
  });

  test('leaves a short conversation in its slot when another has the same prefix', () => {
    const first = slot(0, [...range(26), ...range(200, 500)], { lastUsedMs: 5 });
    const second = [...range(26), ...range(160, 900)];

    expect(place([first, slot(1, [])], second)).toMatchObject({ slot: { id: 1 }, lost: 0 });
    expect(place([first, slot(1, range(400, 7000), { lastUsedMs: 1 })], second)).toMatchObject({
      slot: { id: 1 },
      lost: 400,
    });
    expect(place([first, slot(1, range(9000, 7000), { lastUsedMs: 1 })], second)).toMatchObject({
      slot: { id: 0 },
      kept: 26,
    });
  });

  test('chooses the slot of an answer that is regenerated', () => {
    const chosen = place([slot(0, range(300), { lastUsedMs: 5 }), slot(1, [])], range(200));

    expect(chosen).toMatchObject({ slot: { id: 0 }, kept: 200, from: { kind: 'own' } });
  });

  test('reads saved cells that cover much more than any slot, into the slot that loses least', () => {
    const slots = [slot(0, range(50, 7000)), slot(1, range(100), { lastUsedMs: 9 })];
    const saved = [
      { entry: 'short', cells: 200, kept: 200 },
      { entry: 'long', cells: 900, kept: 900 },
    ];

    expect(place(slots, range(1000), saved)).toMatchObject({
      slot: { id: 1 },
      kept: 900,
      lost: 0,
      from: { kind: 'saved', entry: 'long' },
    });
  });

  test('does not read saved cells that cover little more than a slot', () => {
    const saved = [{ entry: 'saved', cells: 750, kept: 750 }];

    const chosen = place([slot(0, range(700))], range(1000), saved);

    expect(chosen).toMatchObject({ kept: 700, from: { kind: 'own' } });
  });
});

const requests: fc.Arbitrary<PlaceRequest<number>> = fc
  .record({
    promptTokens: fc.integer({ min: 1, max: 6000 }),
    slots: fc.array(
      fc.record({
        cells: fc.nat(6000),
        shared: fc.nat(6000),
        reusable: fc.double({ min: 0, max: 1, noNaN: true }),
        lastUsedMs: fc.nat(5),
        isBusy: fc.boolean(),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    saved: fc.array(fc.record({ cells: fc.nat(6000), kept: fc.nat(6000) }), { maxLength: 4 }),
    rates: fc.record({
      decodeMsPerToken: fc.double({ min: 0.01, max: 50, noNaN: true }),
      moveMsPerCell: fc.double({ min: 0.001, max: 1, noNaN: true }),
      savedFromTokens: fc.constantFrom(undefined, 1024),
    }),
  })
  .map(({ promptTokens, slots, saved, rates }) => ({
    promptTokens,
    rates,
    candidates: slots.map((one, id): SlotCandidate => {
      const { lastUsedMs, isBusy } = one;
      const shared = Math.min(one.shared, one.cells, promptTokens);
      const kept = Math.floor(shared * one.reusable);
      return {
        slot: slot(id, range(one.cells), { lastUsedMs, isBusy }),
        shared,
        kept,
        copied: kept,
      };
    }),
    saved: saved.map(({ cells, kept }, entry) => ({
      entry,
      cells,
      kept: Math.min(cells, kept, promptTokens),
    })),
  }));

const cheapest = (request: PlaceRequest<number>): number =>
  Math.min(...pricedPlaces(request).map(({ costMs }) => costMs));

describe('the cost of a place, for random slots and speeds,', () => {
  test('is lowest at the chosen place, which is a free slot', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const chosen = choosePlace(request);
        const priced = pricedPlaces(request);

        expect(chosen === undefined).toBe(request.candidates.every(({ slot: one }) => one.isBusy));
        if (chosen === undefined) return;
        expect(chosen.slot.isBusy).toBe(false);
        const own = priced.find(({ place: one }) => Bun.deepEquals(one, chosen));
        expect(own?.costMs).toBe(cheapest(request));
      }),
    );
  });

  test('is finite, never negative, and never above decoding the prompt in an empty slot', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const empty = { slot: slot(9, []), shared: 0, kept: 0, copied: 0 };
        const withEmpty = { ...request, candidates: [...request.candidates, empty] };

        for (const { costMs } of pricedPlaces(withEmpty)) {
          expect(costMs).toBeGreaterThanOrEqual(0);
          expect(costMs).toBeLessThan(Infinity);
        }
        const decodeMs = request.promptTokens * request.rates.decodeMsPerToken;
        expect(cheapest(withEmpty)).toBeLessThanOrEqual(decodeMs);
      }),
    );
  });

  test('does not rise with more saved cells or a longer prefix in a slot', () => {
    fc.assert(
      fc.property(requests, fc.nat(6000), (request, kept) => {
        const cells = Math.min(kept, request.promptTokens);
        const more = { ...request, saved: [...request.saved, { entry: -1, cells, kept: cells }] };
        const [first, ...others] = request.candidates;
        if (first === undefined || first.slot.isBusy) return;
        const better = { ...first, kept: first.shared, copied: first.shared };

        expect(cheapest(more)).toBeLessThanOrEqual(cheapest(request));
        expect(cheapest({ ...request, candidates: [better, ...others] })).toBeLessThanOrEqual(
          cheapest(request),
        );
      }),
    );
  });
});
