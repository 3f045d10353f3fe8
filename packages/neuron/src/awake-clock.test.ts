import { describe, expect, test } from 'bun:test';

import { createAwakeClock } from './awake-clock-under-test.ts';

describe('AwakeClock', () => {
  test('counts time in which the process ran', () => {
    const { clock, run } = createAwakeClock();
    const sinceMs = clock.nowMs();
    run(10_000);

    expect(clock.elapsedMs(sinceMs)).toBe(10_000);
  });

  test('does not count a pause of the process, even before the next tick', () => {
    const { clock, run, stop } = createAwakeClock();
    const sinceMs = clock.nowMs();
    run(2000);
    stop(12_000);

    expect(clock.elapsedMs(sinceMs)).toBe(2250);
    run(1000);
    expect(clock.elapsedMs(sinceMs)).toBe(3250);
  });

  test('excludes only the part of a pause after the start of the measurement', () => {
    const { clock, run, stop } = createAwakeClock();
    run(1000);
    stop(5000);
    run(1000);
    const sinceMs = clock.nowMs();
    run(3000);

    expect(clock.elapsedMs(sinceMs)).toBe(3000);
  });
});
