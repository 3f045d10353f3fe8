import { describe, expect, test } from 'bun:test';

import { DecidedFleet, only, told } from '../../test/decided-fleet.ts';

const cold = (settings = {}) =>
  new DecidedFleet({
    hosts: { a: {}, b: {} },
    models: [{ id: 'm', vramMb: 8000 }],
    settings,
  });

const FAILED = { kind: 'failed', reason: 'broken file', isTransient: false } as const;

describe('A cold model', () => {
  test('is loaded once, however many requests ask for it', () => {
    const fleet = cold();
    const actions = Array.from({ length: 100 }, () => fleet.ask('m')).flat();
    expect(told(actions)).toEqual(['load m on a']);
    expect(only(fleet.endLoad('a', 'm'), 'grant')).toHaveLength(36);
  });

  test('is not loaded a second time while another cortex or the operator loads it', () => {
    const fleet = new DecidedFleet({
      hosts: { a: {}, b: { loaded: { m: { status: 'loading' } } } },
      models: [{ id: 'm', vramMb: 8000 }],
    });
    const [load] = only(fleet.ask('m'), 'load');
    expect(load).toMatchObject({ node: 'b', after: [], record: { why: 'joined' } });
  });

  test('whose load fails is tried on another node, then its requests get the reason', () => {
    const fleet = cold();
    fleet.ask('m');
    expect(told(fleet.endLoad('a', 'm', FAILED))).toEqual(['load m on b']);
    const [refusal] = only(fleet.endLoad('b', 'm', FAILED), 'refuse');
    expect(refusal?.refusal).toMatchObject({ kind: 'load_failed', reason: 'broken file' });
  });

  test('that failed is loaded again for a later request: only the node knows whether the cause has ended', () => {
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [{ id: 'm' }] });
    fleet.ask('m');
    expect(told(fleet.endLoad('a', 'm', FAILED))).toEqual(['refuse load_failed']);
    fleet.after(1);
    expect(told(fleet.ask('m'))).toEqual(['load m on a']);
  });

  test('that failed is not preloaded during the back-off of 10 s, but after it', () => {
    const fleet = new DecidedFleet({
      hosts: { a: {} },
      models: [{ id: 'm', vramMb: 8000, preload: true }],
    });
    expect(told(fleet.endLoad('a', 'm', FAILED))).toEqual([]);
    expect(told(fleet.after(9000))).toEqual([]);
    expect(told(fleet.after(1000))).toEqual(['load m on a']);
  });

  test('waits longer after each failure in a row, at most 5 minutes', () => {
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [{ id: 'm' }] });
    const waits = Array.from({ length: 7 }, () => {
      fleet.ask('m');
      const [refusal] = only(fleet.endLoad('a', 'm', FAILED), 'refuse');
      const waitMs = refusal?.refusal.kind === 'load_failed' ? refusal.refusal.retryInMs : 0;
      fleet.after(waitMs);
      return waitMs / 1000;
    });
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300]);
  });

  test('that failed is tried again when the configuration changes', () => {
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [{ id: 'm' }] });
    fleet.ask('m');
    fleet.endLoad('a', 'm', FAILED);
    fleet.configure();
    expect(told(fleet.ask('m'))).toEqual(['load m on a']);
  });

  test('that ran out of memory records the larger need, and is tried once more where that fits', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { gpus: [10_000] }, b: { gpus: [9000] } },
      models: [{ id: 'm', vramMb: 8000 }],
    });
    fleet.ask('m');
    const outcome = { ...FAILED, isTransient: true, needMib: 9500 };
    expect(told(fleet.endLoad('a', 'm', outcome))).toEqual(['load m on a']);
    expect(told(fleet.endLoad('a', 'm', outcome))).toEqual(['load m on b']);
  });

  test('whose last waiter leaves is no longer loaded', () => {
    const fleet = cold();
    fleet.ask('m', { id: 'only' });
    expect(told(fleet.tell({ kind: 'left', model: 'm', requestId: 'only' }))).toEqual([
      'cancel m on a',
    ]);
  });

  test('is no longer loaded on one node once its requests are served by another', () => {
    const fleet = cold();
    fleet.ask('m');
    const atMs = fleet.nowMs;
    fleet.tell({ kind: 'load_progress', node: 'a', model: 'm', progress: 0.5, atMs });

    expect(told(fleet.report('b', { loaded: { m: {} } }))).toEqual(['grant b', 'cancel m on a']);
  });

  test('that failed is not loaded again at the cost of others while its back-off runs', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { gpus: [10_000], loaded: { good: { age_ms: 999_999 } } } },
      models: [
        { id: 'm', vramMb: 8000 },
        { id: 'good', vramMb: 8000 },
      ],
    });
    expect(told(fleet.ask('m'))).toEqual(['load m on a after good']);
    fleet.endLoad('a', 'm', FAILED);
    fleet.after(1);
    fleet.report('a', { loaded: { good: { generation: 3, age_ms: 999_999 } } });

    expect(told(fleet.ask('m'))).toEqual(['refuse load_failed']);
    fleet.after(10_000);
    expect(told(fleet.ask('m'))).toEqual(['load m on a after good']);
  });

  test('that failed for want of memory is preloaded again when memory has come free, not at the next report', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { foreignMib: 10_000 } },
      models: [{ id: 'm', vramMb: 8000, preload: true }],
    });
    fleet.endLoad('a', 'm', { ...FAILED, isTransient: true });
    fleet.after(1);
    expect(told(fleet.report('a'))).toEqual([]);
    expect(told(fleet.report('a', { foreignMib: 0 }))).toEqual(['load m on a']);
  });

  test('that the operator asked for is loaded although nobody waits', () => {
    const fleet = cold();
    const call = { kind: 'operator_load', callId: 'c', model: 'm', node: 'b' } as const;
    expect(told(fleet.tell(call))).toEqual(['load m on b', 'operator started']);
    fleet.ask('m', { id: 'guest' });
    expect(told(fleet.tell({ kind: 'left', model: 'm', requestId: 'guest' }))).toEqual([]);
  });

  test('with load = "manual" is refused, and served once the operator has loaded it', () => {
    const fleet = new DecidedFleet({ hosts: { a: {} }, models: [{ id: 'm', load: 'manual' }] });
    expect(told(fleet.ask('m'))).toEqual(['refuse manual']);
    fleet.tell({ kind: 'operator_load', callId: 'c', model: 'm' });
    fleet.endLoad('a', 'm');
    expect(told(fleet.ask('m'))).toEqual(['grant a']);
  });

  test('whose files no node has is refused without auto_pull, but loaded for the operator', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { onDisk: [] } },
      models: [{ id: 'm', source: 'hf:org/m', vramMb: 8000 }],
      settings: { autoPull: false },
    });
    expect(told(fleet.ask('m'))).toEqual(['refuse not_pulled']);
    const call = { kind: 'operator_load', callId: 'c', model: 'm' } as const;
    expect(told(fleet.tell(call))).toEqual(['load m on a', 'operator started']);
  });

  test('is loaded again for the requests that wait when its node is lost', () => {
    const fleet = cold();
    fleet.ask('m');
    expect(told(fleet.lose('a'))).toEqual(['cancel m on a', 'load m on b']);
  });

  test('that recovers keeps its place: its requests are told, and nothing is loaded', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { m: { status: 'recovering' } } }, b: {} },
      models: [{ id: 'm' }],
    });
    expect(told(fleet.ask('m'))).toEqual(['refuse recovering']);
  });

  test('waits for nodes that have not answered yet, which may have it ready', () => {
    const fleet = new DecidedFleet({ hosts: {}, models: [{ id: 'm' }] });
    const config = {
      nodes: [{ name: 'a', endpoint: 'http://a' }],
      catalogue: [{ id: 'm' }],
      aliases: [],
      failuresBeforeDown: 3,
    };
    fleet.tell({ kind: 'config_changed', config, settings: fleet.state.settings });
    expect(told(fleet.ask('m'))).toEqual([]);
    expect(told(fleet.report('a', { loaded: { m: {} } }))).toEqual(['grant a']);
  });

  test('is no longer served by a node that forgot it, and is loaded again', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { loaded: { m: {} } } },
      models: [{ id: 'm', vramMb: 8000 }],
    });
    fleet.after(10);
    const atMs = fleet.nowMs;
    fleet.tell({ kind: 'model_status', node: 'a', model: 'm', status: 'unloaded', atMs });
    expect(told(fleet.ask('m'))).toEqual(['load m on a']);
  });
});

describe('Replicas', () => {
  const busyHost = { seats: { max_in_flight: 1, max_queue_depth: 0 } };
  const fleetOf = (model: object) =>
    new DecidedFleet({
      hosts: { a: { ...busyHost, loaded: { m: {} } }, b: busyHost },
      models: [{ id: 'm', vramMb: 8000, ...model }],
    });

  test('another one is loaded, up to max_replicas, once a request has waited longer than a load takes', () => {
    const fleet = fleetOf({ maxReplicas: 2 });
    fleet.ask('m');
    expect(told(fleet.ask('m'))).toEqual([]);
    const [timer] = only(fleet.actions, 'timer').slice(-1);
    expect(told(fleet.after((timer?.atMs ?? 0) - fleet.nowMs))).toEqual(['load m on b']);
  });

  test('another one never evicts', () => {
    const fleet = new DecidedFleet({
      hosts: {
        a: { ...busyHost, loaded: { m: {} } },
        b: { loaded: { other: { age_ms: 999_999 } } },
      },
      models: [
        { id: 'm', vramMb: 8000, maxReplicas: 2 },
        { id: 'other', vramMb: 20_000 },
      ],
    });
    fleet.ask('m');
    fleet.ask('m');
    expect(told(fleet.after(60_000))).toEqual([]);
  });

  test('one is enough without max_replicas', () => {
    const fleet = fleetOf({});
    fleet.ask('m');
    fleet.ask('m');
    expect(told(fleet.after(60_000))).toEqual([]);
  });

  test('preloaded ones are loaded without a request, and again elsewhere when their node is lost', () => {
    const fleet = new DecidedFleet({
      hosts: { a: {}, b: {} },
      models: [{ id: 'm', vramMb: 8000, preload: true }],
    });
    expect(fleet.state.reservation('a', 'm')).toBeDefined();
    fleet.endLoad('a', 'm');
    expect(told(fleet.lose('a'))).toEqual(['load m on b']);
  });
});

test('A victim that is planned again while it leaves counts as on its way, not as loaded, once the newcomer is there', () => {
  const fleet = new DecidedFleet({
    hosts: {
      a: { gpus: [12_000, 12_000], loaded: { old: { age_ms: 900_000, idle_ms: 900_000 } } },
    },
    models: [
      { id: 'old', vramMb: 8000 },
      { id: 'new', vramMb: 9000, devices: [0] },
    ],
  });
  expect(told(fleet.ask('new'))).toEqual(['load new on a after old']);
  expect(told(fleet.ask('old'))).toEqual(['load old on a']);

  fleet.endLoad('a', 'new');

  const old = fleet.state.snapshot.nodes.get('a')?.replicas.get('old');
  expect(old?.status).toBe('loading');
});
