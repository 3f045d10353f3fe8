import { expect, test } from 'bun:test';

import { Deadlines } from './deadlines.ts';

function setUp() {
  const state: { nowMs: number; sweep: () => void } = { nowMs: 0, sweep: () => undefined };
  const deadlines = new Deadlines({
    nowMs: () => state.nowMs,
    every: (_ms, run) => {
      state.sweep = run;
      return () => undefined;
    },
  });
  const passTo = (nowMs: number): void => {
    state.nowMs = nowMs;
    state.sweep();
  };
  return { deadlines, passTo };
}

test('a deadline runs once when it is due, and not before', () => {
  const { deadlines, passTo } = setUp();
  const runs: string[] = [];
  deadlines.set(1000, () => runs.push('ran'));

  passTo(999);
  expect(runs).toEqual([]);
  passTo(1000);
  passTo(5000);
  expect(runs).toEqual(['ran']);
});

test('a deadline that is moved or cancelled does not run', () => {
  const { deadlines, passTo } = setUp();
  const runs: string[] = [];
  const moved = deadlines.set(1000, () => runs.push('moved'));
  const cancelled = deadlines.set(1000, () => runs.push('cancelled'));

  moved.dueMs = 3000;
  cancelled.cancel();
  passTo(2000);
  expect(runs).toEqual([]);
  passTo(3000);
  expect(runs).toEqual(['moved']);
});

test('a deadline may set the next one', () => {
  const { deadlines, passTo } = setUp();
  const runs: number[] = [];
  const again = (): void => {
    runs.push(deadlines.nowMs());
    deadlines.set(1000, again);
  };
  deadlines.set(1000, again);

  passTo(1000);
  passTo(1500);
  passTo(2000);
  expect(runs).toEqual([1000, 2000]);
});
