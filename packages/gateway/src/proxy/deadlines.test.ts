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

test('a deadline that falls due while the process is stopped gets 10 s more', () => {
  const running = new FakeClock();
  let stoppedMs = 0;
  const deadlines = new Deadlines({
    nowMs: () => running.nowMs() + stoppedMs,
    setTimer: (delayMs, run) => running.setTimer(delayMs, run),
    every: (everyMs, run) => running.every(everyMs, run),
  });
  const runs: string[] = [];
  const idle = deadlines.set(300_000, () => runs.push('idle'));
  deadlines.set(600_000, () => runs.push('silent'));
  running.advance(1000);

  stoppedMs = 3_600_000;
  running.advance(9000);
  expect(runs).toEqual([]);
  // The bytes that waited in the socket.
  idle.dueMs = deadlines.nowMs() + 300_000;
  running.advance(2000);
  expect(runs).toEqual(['silent']);
});
