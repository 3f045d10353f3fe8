import { ModelEntry, NodeHealth } from '@cortex/protocol';
import { describe, expect, test } from 'bun:test';

import { HarnessRestarts } from './harness-restarts.ts';

const never = new AbortController().signal;
const log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const health = (cycles: number, inFlight = 0): NodeHealth =>
  NodeHealth.parse({
    uptime_secs: 1,
    ready: true,
    draining: false,
    activation: { state: 'ready', pending: [], completed: [], failed: [] },
    devices: [],
    models: [
      {
        id: 'm',
        in_flight: inFlight,
        queue_depth: 0,
        max_in_flight: 4,
        max_queue_depth: 32,
        rejected: {},
      },
    ],
    harnesses: [{ name: 'mistral', ok: true, lifecycle_cycles: cycles }],
  });

const entry = (fields: object = {}): ModelEntry =>
  ModelEntry.parse({ id: 'm', harness: 'mistral', status: 'loaded', idle_ms: 60_000, ...fields });

function setUp({ maxCycles = 50, requests = 0 } = {}) {
  const asked: string[] = [];
  const restarts = new HarnessRestarts({
    log,
    maxCycles: () => maxCycles,
    requests: () => requests,
  });
  const client = {
    restartHarness: async (name: string) => void asked.push(name),
  };
  return {
    asked,
    observe: (cycles: number, models: readonly ModelEntry[] = [entry()], inFlight = 0): void =>
      restarts.observe({ node: 'a', client, health: health(cycles, inFlight), models }, never),
  };
}

describe('an external engine with many loads and unloads', () => {
  test('is restarted once when its models are idle', () => {
    const { asked, observe } = setUp();

    observe(49);
    expect(asked).toEqual([]);
    observe(50);
    observe(50);

    expect(asked).toEqual(['mistral']);
  });

  test('is restarted again after as many cycles more', () => {
    const { asked, observe } = setUp();

    observe(50);
    observe(0);
    observe(50);

    expect(asked).toHaveLength(2);
  });

  test('that did not restart is not asked at every poll', () => {
    const { asked, observe } = setUp();

    observe(50);
    observe(51);
    observe(100);

    expect(asked).toHaveLength(2);
  });

  test.each([
    ['has just answered', [entry({ idle_ms: 1000 })], 0],
    ['answers a request', [entry()], 1],
    ['is loading', [entry({ status: 'loading' })], 0],
    ['recovers', [entry({ status: 'recovering' })], 0],
  ])('is left alone while a model on it %s', (_name, models, inFlight) => {
    const { asked, observe } = setUp();

    observe(50, models, inFlight);

    expect(asked).toEqual([]);
  });

  test('is left alone while a request of cortex waits for a model on it', () => {
    const { asked, observe } = setUp({ requests: 1 });

    observe(50);

    expect(asked).toEqual([]);
  });

  test('is restarted although models of other harnesses are busy, and when it has none or failed ones', () => {
    const busy = setUp();
    const none = setUp();
    const failed = setUp();

    busy.observe(50, [entry({ id: 'other', harness: 'llama', idle_ms: 0 })]);
    none.observe(50, []);
    failed.observe(50, [entry({ status: 'failed', idle_ms: undefined })]);

    for (const { asked } of [busy, none, failed]) expect(asked).toEqual(['mistral']);
  });

  test('is never restarted with defrag_after_cycles = 0', () => {
    const { asked, observe } = setUp({ maxCycles: 0 });

    observe(1000);

    expect(asked).toEqual([]);
  });
});
