import { describe, expect, test } from 'bun:test';

import { DecidedFleet, type FleetShape, only, told } from '../../test/decided-fleet.ts';

const cold = (settings: FleetShape['settings'] = {}) =>
  new DecidedFleet({ hosts: { a: {} }, models: [{ id: 'm', vramMb: 8000 }], settings });

const ASLEEP = { config: { expectedOffline: true, wakeMs: 120_000 } };

/** The node reports that it has done so much of the load. */
const progressed = (fleet: DecidedFleet, progress: number) =>
  fleet.tell({ kind: 'load_progress', node: 'a', model: 'm', progress, atMs: fleet.nowMs });

describe('A request that is not streamed', () => {
  test('and is told to come back in 40 s finds its load 40 s later, and half a minute after that', () => {
    const fleet = cold({ maxHoldMs: 120_000 });
    fleet.ask('m', { stream: false });
    fleet.after(119_000);
    progressed(fleet, 0.75);

    const refused = fleet.after(1000);

    expect(only(refused, 'refuse')).toMatchObject([
      {
        refusal: {
          kind: 'waited_too_long',
          retryInMs: 40_000,
          underWay: { state: 'loading', node: 'a', progress: 0.75, etaMs: 40_000 },
        },
      },
    ]);
    expect(told(refused)).toEqual(['refuse waited_too_long']);
    expect(told(fleet.after(69_999))).toEqual([]);
    expect(told(fleet.after(1))).toEqual(['cancel m on a']);
  });

  test('comes back in time and gets the replica of the load that it began', () => {
    const fleet = cold({ maxHoldMs: 120_000 });
    fleet.ask('m', { stream: false });
    expect(told(fleet.after(120_000))).toEqual(['refuse waited_too_long']);
    fleet.after(5000);

    expect(told(fleet.ask('m', { stream: false }))).toEqual([]);
    fleet.after(75_000);
    expect(told(fleet.endLoad('a', 'm'))).toEqual(['grant a']);
  });

  test('keeps no load by leaving', () => {
    const fleet = cold();
    fleet.ask('m', { id: 'left', stream: false });

    const actions = fleet.tell({ kind: 'left', model: 'm', requestId: 'left' });

    expect(told(actions)).toEqual(['cancel m on a']);
  });
});

describe('A streamed request', () => {
  test('is refused after max_wait_s although other requests are held longer', () => {
    const fleet = cold({ maxWaitMs: 30_000, maxHoldMs: 120_000 });
    fleet.ask('m', { id: 'streamed' });

    expect(told(fleet.after(29_999))).toEqual([]);
    expect(only(fleet.after(1), 'refuse')).toMatchObject([{ requestId: 'streamed' }]);
  });

  test('that waited its whole time for a load is not told to come back, and the load ends', () => {
    const fleet = cold({ maxWaitMs: 30_000 });
    fleet.ask('m');

    expect(told(fleet.after(30_000))).toEqual(['refuse waited_too_long', 'cancel m on a']);
  });
});

describe('A hint', () => {
  test('starts a load that goes on after the hint has ended', () => {
    const fleet = cold({ maxHoldMs: 20_000 });
    const [load] = only(fleet.ask('m', { stream: false, isHint: true }), 'load');

    expect(load?.isDetached).toBe(true);
    expect(told(fleet.after(20_000))).toEqual(['refuse waited_too_long']);
    expect(told(fleet.after(300_000))).toEqual([]);
  });

  test('has a load go on that runs for a request', () => {
    const fleet = cold({ maxWaiting: 0 });
    fleet.configure({ maxWaiting: 9 });
    fleet.ask('m', { id: 'first', node: 'a' });

    expect(told(fleet.ask('m', { stream: false, isHint: true }))).toEqual(['keep m on a']);
    expect(told(fleet.tell({ kind: 'left', model: 'm', requestId: 'first' }))).toEqual([]);
  });
});

describe('A request beyond max_waiting', () => {
  test('is told how far the load is, and to come back when it ends', () => {
    const fleet = cold({ maxWaiting: 1 });
    fleet.ask('m');
    fleet.after(10_000);
    progressed(fleet, 0.25);

    const [refusal] = only(fleet.ask('m'), 'refuse');

    expect(refusal?.refusal).toEqual({
      kind: 'queue_full',
      waiting: 1,
      retryInMs: 30_000,
      underWay: { state: 'loading', node: 'a', progress: 0.25, etaMs: 30_000 },
    });
  });

  test('is told to come back within a minute, however long the load takes', () => {
    const fleet = cold({ maxWaiting: 1 });
    fleet.ask('m');
    fleet.after(100_000);
    progressed(fleet, 0.1);

    const [refusal] = only(fleet.ask('m'), 'refuse');

    expect(refusal?.refusal).toMatchObject({ retryInMs: 60_000, underWay: { etaMs: 900_000 } });
  });

  test('is told of the host that is being woken, and for how long it may take', () => {
    const fleet = new DecidedFleet({
      hosts: { a: ASLEEP },
      models: [{ id: 'm', vramMb: 8000 }],
      settings: { maxWaiting: 1 },
    });
    fleet.lose('a');
    fleet.ask('m');
    fleet.after(90_000);

    const [refusal] = only(fleet.ask('m'), 'refuse');

    expect(refusal?.refusal).toMatchObject({
      retryInMs: 30_000,
      underWay: { state: 'waking', node: 'a', etaMs: 30_000 },
    });
  });
});
