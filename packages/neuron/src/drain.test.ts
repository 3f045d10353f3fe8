import { FakeClock } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import { Drain } from './drain.ts';
import type { StoredDrain } from './node-state.ts';

/** The file of a node, and daemons that follow each other on it. */
function createNode() {
  const stored: { drain: StoredDrain | undefined } = { drain: undefined };
  const state = {
    get drain() {
      return stored.drain;
    },
    setDrain(drain: StoredDrain | undefined) {
      stored.drain = drain;
    },
  };
  /** @param dateMs - The machine's clock when the daemon starts. */
  const start = (dateMs: number) => {
    const clock = new FakeClock();
    const drain = new Drain({
      state,
      every: (everyMs, run) => clock.every(everyMs, run),
      nowMs: () => clock.nowMs(),
      dateMs: () => dateMs + clock.nowMs(),
    });
    return { clock, drain };
  };
  return { stored, start };
}

describe('a drain', () => {
  test('refuses loads until it is ended', () => {
    const { drain } = createNode().start(0);
    drain.begin(undefined);
    expect(() => drain.checkLoad()).toThrow('This node is draining');

    drain.end();

    expect(() => drain.checkLoad()).not.toThrow();
  });

  test('with a duration ends by itself and is then forgotten', () => {
    const { start, stored } = createNode();
    const { drain, clock } = start(0);
    let changes = 0;
    drain.onChange(() => {
      changes += 1;
    });
    drain.begin(30);
    clock.advance(29_000);
    const before = { isActive: drain.isActive, remainingS: drain.remainingS };

    clock.advance(2000);

    expect(before).toEqual({ isActive: true, remainingS: 1 });
    expect(drain.isActive).toBe(false);
    expect(stored.drain).toBeUndefined();
    expect(changes).toBe(2);
  });

  test('continues for the rest of its time after a restart', () => {
    const { start } = createNode();
    start(0).drain.begin(100);

    const { drain, clock } = start(40_000);

    expect(drain.remainingS).toBe(60);
    clock.advance(61_000);
    expect(drain.isActive).toBe(false);
  });

  test('without a duration continues after a restart', () => {
    const { start } = createNode();
    start(0).drain.begin(undefined);

    const { drain } = start(1e12);

    expect(drain.isActive).toBe(true);
    expect(drain.remainingS).toBeUndefined();
  });

  test('ends with the first check if its time has passed while no daemon ran', () => {
    const { start } = createNode();
    start(0).drain.begin(100);

    const { drain, clock } = start(200_000);
    clock.advance(1000);

    expect(drain.isActive).toBe(false);
  });

  test('is not longer than it was asked for when the clock was set back before a restart', () => {
    const { start } = createNode();
    start(1e9).drain.begin(100);

    const { drain } = start(0);

    expect(drain.remainingS).toBe(100);
  });

  test('says in the refusal when to try again', () => {
    const { drain } = createNode().start(0);
    drain.begin(30);

    expect(() => drain.checkLoad()).toThrow(
      expect.objectContaining({ code: 'no_capacity', retryAfterS: 30 }),
    );
  });
});
