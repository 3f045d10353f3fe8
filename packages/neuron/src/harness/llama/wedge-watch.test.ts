import type { EngineStats } from '@cortex/engine';
import { describe, expect, test } from 'bun:test';

import { createAwakeClock } from '../../awake-clock-under-test.ts';
import { WedgeWatch } from './wedge-watch.ts';

const stats = (overrides: Partial<EngineStats> = {}): EngineStats => ({
  queueDepth: 0,
  slots: 1,
  busySlots: 1,
  runnableSlots: 1,
  longestStepMs: 10,
  batchSizes: {},
  kvCellsUsed: 0,
  kvCellsTotal: 0,
  rssMib: 0,
  ...overrides,
});

/** A clock that is moved by hand, also over time in which the process does not run. */
function createClock() {
  let nowMs = 0;
  const pauses: { readonly fromMs: number; readonly toMs: number }[] = [];
  return {
    nowMs: () => nowMs,
    elapsedMs: (sinceMs: number) =>
      pauses.reduce(
        (left, { fromMs, toMs }) => left - Math.max(0, toMs - Math.max(fromMs, sinceMs)),
        nowMs - sinceMs,
      ),
    moveTo: (toMs: number) => {
      nowMs = toMs;
    },
    stopUntil: (toMs: number) => {
      pauses.push({ fromMs: nowMs, toMs });
      nowMs = toMs;
    },
  };
}

/** Feeds one look a second from 0 to `toMs`. */
function observed(
  toMs: number,
  look: (nowMs: number) => { stats: EngineStats; lastStepAtMs: number | undefined },
) {
  const clock = createClock();
  const watch = new WedgeWatch({ wedgeMs: 60_000, clock });
  let engine = {
    lastStats: { atMs: 0, stats: stats() },
    lastStepAtMs: undefined as number | undefined,
  };
  for (let nowMs = 0; nowMs <= toMs; nowMs += 1000) {
    clock.moveTo(nowMs);
    const { stats: seen, lastStepAtMs } = look(nowMs);
    engine = { lastStats: { atMs: nowMs, stats: seen }, lastStepAtMs };
    watch.observe(engine);
  }
  return { silenceMs: watch.silenceMs(engine), limitMs: watch.limitMs(engine) };
}

describe('WedgeWatch', () => {
  test('detects a slot that has work and completes no step', () => {
    const { silenceMs, limitMs } = observed(61_000, () => ({ stats: stats(), lastStepAtMs: 0 }));

    expect(silenceMs).toBeGreaterThanOrEqual(limitMs);
  });

  test('does not report slots that are paused for credit', () => {
    const { silenceMs } = observed(600_000, () => ({
      stats: stats({ runnableSlots: 0 }),
      lastStepAtMs: 0,
    }));

    expect(silenceMs).toBe(0);
  });

  test('counts from the arrival of work, not from the last step an hour ago', () => {
    const { silenceMs } = observed(3_600_000, (nowMs) => ({
      stats: stats({ runnableSlots: nowMs < 3_599_000 ? 0 : 1 }),
      lastStepAtMs: 0,
    }));

    expect(silenceMs).toBe(1000);
  });

  test('gives the first step five minutes', () => {
    const { silenceMs, limitMs } = observed(299_000, () => ({
      stats: stats(),
      lastStepAtMs: undefined,
    }));

    expect(silenceMs).toBeLessThan(limitMs);
    expect(limitMs).toBe(300_000);
  });

  test('gives an engine with long steps twenty times the longest', () => {
    const { limitMs } = observed(1000, () => ({
      stats: stats({ longestStepMs: 10_000 }),
      lastStepAtMs: 0,
    }));

    expect(limitMs).toBe(200_000);
  });

  test('detects an engine that has stopped sending its statistics', () => {
    const clock = createClock();
    const watch = new WedgeWatch({ wedgeMs: 60_000, clock });
    const engine = { lastStats: { atMs: 0, stats: stats({ runnableSlots: 0 }) }, lastStepAtMs: 0 };
    watch.observe(engine);

    clock.moveTo(4000);
    expect(watch.silenceMs(engine)).toBe(0);
    clock.moveTo(61_000);
    expect(watch.silenceMs(engine)).toBe(61_000);
  });

  test('does not give an engine without statistics five minutes for its first step', () => {
    const clock = createClock();
    const watch = new WedgeWatch({ wedgeMs: 60_000, clock });
    const engine = { lastStats: { atMs: 0, stats: stats() }, lastStepAtMs: undefined };
    watch.observe(engine);

    clock.moveTo(59_000);
    expect(watch.isWedged(engine)).toBe(false);
    clock.moveTo(60_000);
    expect(watch.isWedged(engine)).toBe(true);
  });

  test('does not count time in which the daemon itself did not run', () => {
    const clock = createClock();
    const watch = new WedgeWatch({ wedgeMs: 10_000, clock });
    const engine = { lastStats: { atMs: 0, stats: stats() }, lastStepAtMs: 0 };
    watch.observe(engine);

    clock.stopUntil(3_600_000);
    watch.observe(engine);
    expect(watch.isWedged(engine)).toBe(false);
    clock.moveTo(3_600_000 + 10_000);
    expect(watch.isWedged(engine)).toBe(true);
  });

  test.each([30, 90, 86_400])(
    'kills no healthy engine after %p s in which the daemon was stopped, and still finds a wedged one',
    (stoppedS) => {
      const { clock, run, stop } = createAwakeClock();
      const watch = new WedgeWatch({ wedgeMs: 10_000, clock });
      const atMs = clock.nowMs();
      const engine = { lastStats: { atMs, stats: stats() }, lastStepAtMs: atMs };
      const runFor = (ms: number): void => run(ms, () => watch.observe(engine));
      runFor(5000);

      stop(stoppedS * 1000);
      // The first look may come before the clock's own tick.
      watch.observe(engine);
      expect(watch.isWedged(engine)).toBe(false);

      // 5 s before and 250 ms of the pause have counted.
      runFor(4500);
      expect(watch.isWedged(engine)).toBe(false);
      runFor(250);
      expect(watch.isWedged(engine)).toBe(true);
    },
  );
});
