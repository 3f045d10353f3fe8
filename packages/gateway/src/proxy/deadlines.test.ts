import { expect, test } from 'bun:test';

import { FakeClock } from '@cortex/testkit';

import { Deadlines } from './deadlines.ts';

function setUp() {
  const clock = new FakeClock();
  const passTo = (nowMs: number): void => clock.advance(nowMs - clock.nowMs());
  return { deadlines: new Deadlines(clock), passTo };
}

test('a deadline runs once when it is due, and not before', () => {
  const { deadlines, passTo } = setUp();
  const runs: string[] = [];
  deadlines.set(1000, () => runs.push('ran'));

  passTo(750);
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

test('a deadline can set the next one when it runs', () => {
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
