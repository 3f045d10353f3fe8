import { describe, expect, test } from 'bun:test';

import { FakeClock } from '@cortex/testkit';

import { AwakeClock } from '../awake-clock.ts';
import { PulseGroup } from './pulse.ts';

/** A stream with a write that the client has not taken, and how often it was found stalled. */
function createStalled() {
  const running = new FakeClock();
  let stoppedMs = 0;
  let stalls = 0;
  const every = (everyMs: number, run: () => void) => running.every(everyMs, run);
  const clock = new AwakeClock(every, () => running.nowMs() + stoppedMs);
  const pulse = new PulseGroup(every, clock).open({
    isProgressing: () => true,
    onStall: () => {
      stalls += 1;
    },
  });
  pulse.offered('content');
  return {
    stalls: () => stalls,
    run: (ms: number) => running.advance(ms),
    stop: (ms: number) => {
      stoppedMs += ms;
    },
  };
}

describe('a client that takes nothing', () => {
  test('is given up after 60 s', () => {
    const { stalls, run } = createStalled();

    run(60_000);
    expect(stalls()).toBe(0);
    run(1000);
    expect(stalls()).toBe(1);
  });

  test('is not given up for time in which the daemon was stopped', () => {
    const { stalls, run, stop } = createStalled();

    stop(3_600_000);
    run(59_000);
    expect(stalls()).toBe(0);
    run(2000);
    expect(stalls()).toBe(1);
  });
});
