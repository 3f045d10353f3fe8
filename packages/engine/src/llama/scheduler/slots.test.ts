import { describe, expect, test } from 'bun:test';

import { choosePlace, sharedTokens, type Slot, type SlotCandidate } from './slots.ts';

const slot = (id: number, cells: readonly number[], overrides: Partial<Slot> = {}): Slot => ({
  id,
  cells: [...cells],
  lastUsedMs: 0,
  isBusy: false,
  ...overrides,
});

/** As a model sees the slots whose cells can be cut anywhere. */
const seenBy = (prompt: readonly number[], slots: readonly Slot[]): SlotCandidate[] =>
  slots.map((one) => {
    const shared = sharedTokens(one.cells, prompt);
    return { slot: one, shared, kept: shared, copied: shared };
  });

const place = (slots: readonly Slot[], prompt: readonly number[]) =>
  choosePlace(seenBy(prompt, slots));

const range = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i);

describe('choosePlace', () => {
  test('takes the free slot that holds the longest start of the prompt', () => {
    const chosen = place([slot(0, [1, 2]), slot(1, [1, 2, 3]), slot(2, [9])], [1, 2, 3, 4]);

    expect(chosen).toMatchObject({ slot: { id: 1 }, kept: 3, lost: 0, from: { kind: 'own' } });
  });

  test('of equal slots the one idle longest', () => {
    const chosen = place([slot(0, [], { lastUsedMs: 2 }), slot(1, [], { lastUsedMs: 1 })], [1]);

    expect(chosen?.slot.id).toBe(1);
  });

  test('has none when all are busy', () => {
    expect(place([slot(0, [1], { isBusy: true })], [1])).toBeUndefined();
  });

  test('copies from a busy slot that holds much more of the prompt', () => {
    const shared = range(100);
    const busy = slot(0, shared, { isBusy: true });

    const chosen = place([busy, slot(1, [7, 7, 7]), slot(2, [])], [...shared, 500]);

    expect(chosen).toMatchObject({ slot: { id: 2 }, from: { kind: 'slot', slot: { id: 0 } } });
  });

  test('does not copy a long conversation for the little it shares', () => {
    const shared = range(100);
    const busy = slot(0, [...shared, ...range(5000, 1000)], { isBusy: true });

    expect(place([busy, slot(1, [])], [...shared, 500])?.from.kind).toBe('own');
  });

  test('does not take a long conversation for the words that all prompts begin with', () => {
    const long = slot(0, [1, 2, 3, ...range(5000, 1000)], { lastUsedMs: 1 });

    const chosen = place([long, slot(1, [8, 9], { lastUsedMs: 0 })], [1, 2, 3, 4]);

    expect(chosen).toMatchObject({ slot: { id: 1 }, kept: 0, lost: 2 });
  });

  test('copies what a conversation begins with to a spare slot rather than lose the rest of it', () => {
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

  test('leaves a short conversation its slot when another begins with the same words', () => {
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

  test('copies a long common beginning to a slot idle longer', () => {
    const system = range(300);
    const first = slot(0, [...system, ...range(400, 500)], { lastUsedMs: 5 });

    expect(place([first, slot(1, [7, 7])], [...system, 9000])).toMatchObject({
      slot: { id: 1 },
      kept: 300,
      from: { kind: 'slot', slot: { id: 0 } },
    });
  });

  test('takes the slot of an answer that is asked for again', () => {
    const chosen = place([slot(0, range(300), { lastUsedMs: 5 }), slot(1, [])], range(200));

    expect(chosen).toMatchObject({ slot: { id: 0 }, kept: 200, from: { kind: 'own' } });
  });

  test('does not copy for a few tokens', () => {
    const chosen = place([slot(0, [1, 2, 3], { isBusy: true }), slot(1, [])], [1, 2, 3, 4]);

    expect(chosen?.from.kind).toBe('own');
  });

  test('takes saved cells that bring much more than any slot, into the slot that loses least', () => {
    const prompt = range(1000);
    const slots = [slot(0, range(50, 7000)), slot(1, range(100), { lastUsedMs: 9 })];
    const saved = [
      { entry: 'short', kept: 200 },
      { entry: 'long', kept: 900 },
    ];

    expect(choosePlace(seenBy(prompt, slots), saved)).toMatchObject({
      slot: { id: 1 },
      kept: 900,
      lost: 0,
      from: { kind: 'saved', entry: 'long' },
    });
  });

  test('does not read saved cells for little more than a slot holds', () => {
    const prompt = range(1000);
    const saved = [{ entry: 'saved', kept: 900 }];

    const chosen = choosePlace(seenBy(prompt, [slot(0, range(700))]), saved);

    expect(chosen).toMatchObject({ kept: 700, from: { kind: 'own' } });
  });
});
