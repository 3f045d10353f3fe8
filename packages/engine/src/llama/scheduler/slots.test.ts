import { describe, expect, test } from 'bun:test';

import { chooseSlot, type Slot } from './slots.ts';

const slot = (id: number, cells: readonly number[], overrides: Partial<Slot> = {}): Slot => ({
  id,
  cells: [...cells],
  lastUsedMs: 0,
  isBusy: false,
  ...overrides,
});

describe('chooseSlot', () => {
  test('takes the free slot that holds the longest start of the prompt', () => {
    const choice = chooseSlot([slot(0, [1, 2]), slot(1, [1, 2, 3]), slot(2, [9])], [1, 2, 3, 4]);

    expect(choice?.slot.id).toBe(1);
  });

  test('of equal slots the one idle longest', () => {
    const choice = chooseSlot(
      [slot(0, [], { lastUsedMs: 2 }), slot(1, [], { lastUsedMs: 1 })],
      [1],
    );

    expect(choice?.slot.id).toBe(1);
  });

  test('has none when all are busy', () => {
    expect(chooseSlot([slot(0, [1], { isBusy: true })], [1])).toBeUndefined();
  });

  test('copies from a busy slot that holds much more of the prompt', () => {
    const shared = Array.from({ length: 100 }, (_, i) => i);
    const busy = slot(0, shared, { isBusy: true });

    const choice = chooseSlot([busy, slot(1, [7, 7, 7]), slot(2, [])], [...shared, 500]);

    expect(choice).toMatchObject({ slot: { id: 2 }, copyFrom: { id: 0 } });
  });

  test('does not copy a long conversation for the little it shares', () => {
    const shared = Array.from({ length: 100 }, (_, i) => i);
    const long = Array.from({ length: 5000 }, (_, i) => 1000 + i);

    const choice = chooseSlot(
      [slot(0, [...shared, ...long], { isBusy: true }), slot(1, [])],
      [...shared, 500],
    );

    expect(choice?.copyFrom).toBeUndefined();
  });

  test('does not take a long conversation for the words that all prompts begin with', () => {
    const long = Array.from({ length: 5000 }, (_, i) => 1000 + i);

    const choice = chooseSlot(
      [slot(0, [1, 2, 3, ...long], { lastUsedMs: 1 }), slot(1, [8, 9], { lastUsedMs: 0 })],
      [1, 2, 3, 4],
    );

    expect(choice?.slot.id).toBe(1);
  });

  test('does not copy for a few tokens', () => {
    const choice = chooseSlot([slot(0, [1, 2, 3], { isBusy: true }), slot(1, [])], [1, 2, 3, 4]);

    expect(choice?.copyFrom).toBeUndefined();
  });
});
