import { describe, expect, test } from 'bun:test';

import { AwakeClock } from './awake-clock.ts';

/** An awake clock that ticks every 250 ms as long as the process runs. */
function createClock() {
  let nowMs = 1000;
  let tick = (): void => undefined;
  const clock = new AwakeClock(
    (_everyMs, run) => {
      tick = run;
      return () => undefined;
    },
    () => nowMs,
  );
  return {
    clock,
    run: (ms: number) => {
      for (const endMs = nowMs + ms; nowMs < endMs; tick()) nowMs += 250;
    },
    stop: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('AwakeClock', () => {
  test('counts time in which the process ran', () => {
    const { clock, run } = createClock();
    const sinceMs = clock.nowMs();
    run(10_000);

    expect(clock.elapsedMs(sinceMs)).toBe(10_000);
  });

  test('does not count a pause of the process, even before the next tick', () => {
    const { clock, run, stop } = createClock();
    const sinceMs = clock.nowMs();
    run(2000);
    stop(12_000);

    expect(clock.elapsedMs(sinceMs)).toBe(2250);
    run(1000);
    expect(clock.elapsedMs(sinceMs)).toBe(3250);
  });

  test('excludes only the part of a pause after the start of the measurement', () => {
    const { clock, run, stop } = createClock();
    run(1000);
    stop(5000);
    run(1000);
    const sinceMs = clock.nowMs();
    run(3000);

    expect(clock.elapsedMs(sinceMs)).toBe(3000);
  });
});
