import { describe, expect, test } from 'bun:test';

import { entry, fleet, fleetConfig, load, report, takeDown } from '../test/build-fleet.ts';

const loadStatus = (state: ReturnType<typeof fleet>, model = 'm') =>
  state.snapshot.replicasByModel.get(model)?.map(({ node, status }) => `${node}:${status}`);

const miss = (node: string, atMs = 2) =>
  ({ kind: 'node_missed', node, atMs, error: 'timeout' }) as const;

describe('FleetState:', () => {
  test('a node stays up for two failed polls, is down after the third, and is up again after one answer', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    const seen = [];
    for (let count = 0; count < 3; count += 1) {
      state.apply(miss('a'));
      seen.push(state.snapshot.nodes.get('a')?.state);
    }
    state.apply(report('a', [entry('m')], { sentMs: 5, atMs: 5 }));
    seen.push(state.snapshot.nodes.get('a')?.state);

    expect(seen).toEqual(['up', 'up', 'down', 'up']);
    expect(state.snapshot.nodes.get('a')?.misses).toBe(0);
    expect(state.snapshot.nodes.get('a')?.error).toBeUndefined();
  });

  test('a node that has never answered is never up', () => {
    const state = fleet({ nodes: ['a'] });
    const seen = [state.snapshot.nodes.get('a')?.state];
    for (let count = 0; count < 4; count += 1) {
      state.apply(miss('a'));
      seen.push(state.snapshot.nodes.get('a')?.state);
    }
    expect(seen).toEqual(['unknown', 'unknown', 'unknown', 'down', 'down']);
  });

  test('replicas of a node that is down are known but not ready', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    takeDown(state, 'a');
    const [replica] = state.snapshot.replicasByModel.get('m') ?? [];
    expect(replica?.isReady).toBe(false);
    expect(replica?.status).toBe('loaded');
  });

  test('nodes are pending until their first answer or failed poll', () => {
    const state = fleet({ nodes: ['a', 'b'] });
    const seen = [state.snapshot.pendingNodes];
    state.apply(report('a', []));
    seen.push(state.snapshot.pendingNodes);
    state.apply(miss('b'));
    seen.push(state.snapshot.pendingNodes);
    expect(seen).toEqual([2, 1, 0]);
  });
});

describe('FleetState:', () => {
  test('a model that the node no longer lists leaves the fleet', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m'), entry('n')])]);
    state.apply(report('a', [entry('n')], { sentMs: 2, atMs: 2 }));
    expect(state.snapshot.replicasByModel.has('m')).toBe(false);
    expect(state.snapshot.replicasByModel.has('n')).toBe(true);
  });

  test('a report that was requested before a newer event does not overwrite that event', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')], { sentMs: 5, atMs: 6 })]);
    state.apply({ kind: 'model_status', node: 'a', model: 'm', status: 'unloaded', atMs: 10 });
    state.apply(report('a', [entry('m')], { sentMs: 9, atMs: 11 }));
    expect(loadStatus(state)).toEqual(['a:unloaded']);
    state.apply(report('a', [entry('m')], { sentMs: 12, atMs: 12 }));
    expect(loadStatus(state)).toEqual(['a:loaded']);
  });

  test.each([
    ['model_status', { kind: 'model_status', node: 'a', model: 'm', status: 'unloaded', atMs: 10 }],
    ['model_changed', { kind: 'model_changed', node: 'a', entry: entry('m'), atMs: 10 }],
    ['model_gone', { kind: 'model_gone', node: 'a', model: 'm', atMs: 10 }],
    [
      'load_ended',
      { kind: 'load_ended', node: 'a', model: 'm', result: { kind: 'loaded' }, atMs: 10 },
    ],
  ] as const)(
    'an event of one model (%s) does not hide what a late report contains on other models',
    (_kind, event) => {
      const state = fleet({ nodes: ['a'] }, [report('a', [entry('m'), entry('n')])]);
      state.apply(event);
      state.apply(
        report('a', [entry('m', { status: 'failed' }), entry('o')], { sentMs: 9, atMs: 11 }),
      );

      expect(loadStatus(state)).not.toEqual(['a:failed']);
      expect(loadStatus(state, 'n')).toBeUndefined();
      expect(loadStatus(state, 'o')).toEqual(['a:loaded']);
      expect(state.snapshot.nodes.get('a')?.ownAtReport).toBeDefined();
    },
  );

  test('an event whose revision the last report contains changes nothing, whenever it arrives', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')], { revision: 20 })]);
    const late = { node: 'a', entry: entry('m', { status: 'draining' }) };

    const isChanged = state.apply({ ...late, kind: 'model_changed', revision: 20, atMs: 9 });
    state.apply({ kind: 'model_gone', node: 'a', model: 'm', revision: 19, atMs: 9 });

    expect(isChanged).toBe(false);
    expect(loadStatus(state)).toEqual(['a:loaded']);
  });

  test('an event that a report in flight does not contain is kept, even in the same millisecond', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')], { revision: 20 })]);
    const changed = entry('m', { status: 'draining' });
    state.apply({ kind: 'model_changed', node: 'a', entry: changed, revision: 22, atMs: 5 });

    state.apply(report('a', [entry('m')], { sentMs: 5, atMs: 6, revision: 21 }));
    const kept = loadStatus(state);
    state.apply(report('a', [entry('m')], { sentMs: 7, atMs: 8, revision: 22 }));

    expect([kept, loadStatus(state)]).toEqual([['a:draining'], ['a:loaded']]);
  });

  test('a node that started again with lower revisions is believed', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')], { revision: 900 })]);
    const changed = entry('m', { status: 'draining' });
    state.apply({ kind: 'model_changed', node: 'a', entry: changed, revision: 901, atMs: 5 });

    state.apply(report('a', [entry('m')], { sentMs: 6, atMs: 7, revision: 3 }));

    expect(loadStatus(state)).toEqual(['a:loaded']);
  });

  test('a model event brings the seats of the model with it', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);

    state.apply({
      kind: 'model_changed',
      node: 'a',
      entry: entry('m'),
      load: load('m', { max_in_flight: 9 }),
      atMs: 5,
    });

    expect(state.snapshot.replicasByModel.get('m')?.[0]?.load?.maxInFlight).toBe(9);
  });

  test('a drain that a node reports by event is not undone by a report from before it', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    state.apply({ kind: 'draining_changed', node: 'a', draining: true, atMs: 10 });

    state.apply(report('a', [entry('m')], { sentMs: 9, atMs: 11 }));
    const seen = [state.snapshot.nodes.get('a')?.isDraining];
    state.apply(report('a', [entry('m')], { sentMs: 12, atMs: 12 }));
    seen.push(state.snapshot.nodes.get('a')?.isDraining);

    expect(seen).toEqual([true, false]);
  });

  test('a refusal for a full queue is kept after a report that was requested before it', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    state.apply({ kind: 'model_full', node: 'a', model: 'm', ownInFlight: 2, atMs: 10 });
    const seen = [8, 12].map((sentMs) => {
      state.apply(report('a', [entry('m')], { sentMs, atMs: 13 }));
      return state.snapshot.replicasByModel.get('m')?.[0]?.load?.queueDepth;
    });

    expect(seen).toEqual([32, 0]);
  });

  test('the next report replaces the events of single models', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [])]);
    for (let index = 0; index < 100; index += 1)
      state.apply({ kind: 'model_gone', node: 'a', model: `m${index}`, atMs: 10 });
    state.apply(report('a', [], { sentMs: 11, atMs: 11 }));

    expect(state.snapshot.nodes.get('a')?.newer.size).toBe(0);
  });

  test('a late report still marks the node as up', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    state.apply({ kind: 'model_gone', node: 'a', model: 'm', atMs: 10 });
    takeDown(state, 'a', 11);
    state.apply(report('a', [entry('m')], { sentMs: 9, atMs: 12 }));
    expect(state.snapshot.nodes.get('a')?.state).toBe('up');
    expect(state.snapshot.replicasByModel.has('m')).toBe(false);
  });

  test('an unknown model state is kept and is not servable', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m', { status: 'defragmenting' })])]);
    const [replica] = state.snapshot.replicasByModel.get('m') ?? [];
    expect(replica).toMatchObject({ status: 'defragmenting', isServable: false, isReady: false });
  });

  test('a loaded model is servable unless the node reports that it is not', () => {
    const state = fleet({ nodes: ['a'] }, [
      report('a', [
        entry('m', { servable: { ok: false, reason: 'too little memory' } }),
        entry('n'),
      ]),
    ]);
    expect(state.snapshot.replicasByModel.get('m')?.[0]).toMatchObject({
      isServable: false,
      reason: 'too little memory',
    });
    expect(state.snapshot.replicasByModel.get('n')?.[0]?.isServable).toBe(true);
  });
});

describe('FleetState:', () => {
  const started = { kind: 'load_started', node: 'a', model: 'm', atMs: 3 } as const;

  test('a requested load is visible at once, even after a report that does not contain it yet', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [])]);
    state.apply(started);
    state.apply({ kind: 'load_progress', node: 'a', model: 'm', progress: 0.4, atMs: 3 });
    state.apply(report('a', [], { sentMs: 4, atMs: 4 }));
    expect(state.snapshot.replicasByModel.get('m')?.[0]).toMatchObject({
      status: 'loading',
      progress: 0.4,
    });
  });

  test('a successful load makes the model ready before the next report', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m', { status: 'unloaded' })])]);
    state.apply(started);
    state.apply({ kind: 'load_ended', node: 'a', model: 'm', result: { kind: 'loaded' }, atMs: 5 });
    expect(state.snapshot.replicasByModel.get('m')?.[0]?.isReady).toBe(true);
  });

  test('a report that was requested after a load ended replaces the outcome of the load', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [])]);
    state.apply(started);
    state.apply(report('a', [entry('m', { status: 'failed' })], { sentMs: 6, atMs: 6 }));
    state.apply({ kind: 'load_ended', node: 'a', model: 'm', result: { kind: 'loaded' }, atMs: 5 });
    expect(loadStatus(state)).toEqual(['a:failed']);
  });

  test('a failed load stays listed with its reason', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [])]);
    state.apply(started);
    const result = { kind: 'failed', reason: 'no such file' } as const;
    state.apply({ kind: 'load_ended', node: 'a', model: 'm', result, atMs: 5 });
    expect(state.snapshot.replicasByModel.get('m')?.[0]).toMatchObject({
      status: 'failed',
      reason: 'no such file',
    });
  });

  test('a cancelled load leaves no trace', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [])]);
    state.apply(started);
    state.apply({
      kind: 'load_ended',
      node: 'a',
      model: 'm',
      result: { kind: 'cancelled' },
      atMs: 5,
    });
    expect(state.snapshot.replicasByModel.has('m')).toBe(false);
  });
});

describe('FleetState:', () => {
  test('a node that is removed from the configuration leaves no replica, and its late answer changes nothing', () => {
    const state = fleet({ nodes: ['a', 'b'] }, [report('a', [entry('m')]), report('b', [])]);
    state.apply({ kind: 'config_changed', config: fleetConfig({ nodes: ['b'] }), atMs: 5 });
    const isChanged = state.apply(report('a', [entry('m')], { sentMs: 6, atMs: 6 }));
    expect(isChanged).toBe(false);
    expect([...state.snapshot.nodes.keys()]).toEqual(['b']);
    expect(state.snapshot.replicasByModel.size).toBe(0);
  });

  test('a replaced machine under the same node name starts empty, and answers of the old one are ignored', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    const config = {
      ...fleetConfig({ nodes: [] }),
      nodes: [{ name: 'a', endpoint: 'http://new' }],
    };
    state.apply({ kind: 'config_changed', config, atMs: 5 });
    state.apply(report('a', [entry('m')], { sentMs: 4, atMs: 6 }));
    state.apply({ kind: 'node_missed', node: 'a', sentMs: 4, atMs: 6, error: 'late' });
    expect(state.snapshot.nodes.get('a')).toMatchObject({ state: 'unknown', misses: 0 });
    expect(state.snapshot.replicasByModel.size).toBe(0);
  });

  test('a node that stays in the configuration keeps its state', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    const config = fleetConfig({ nodes: ['a', 'b'] });
    state.apply({ kind: 'config_changed', config, atMs: 5 });
    expect(loadStatus(state)).toEqual(['a:loaded']);
  });
});

describe('FleetState:', () => {
  test('a snapshot does not change after a later event', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    const before = state.snapshot;
    state.apply(report('a', [], { sentMs: 2, atMs: 2 }));
    expect(before.replicasByModel.get('m')).toHaveLength(1);
    expect(before.nodes.get('a')?.reported.has('m')).toBe(true);
  });

  test('unchanged parts of a snapshot stay the same objects', () => {
    const state = fleet({ nodes: ['a', 'b'] }, [
      report('a', [entry('m', { idle_ms: 4 })]),
      report('b', [entry('n')]),
    ]);
    const before = state.snapshot;
    state.apply(report('a', [entry('m', { idle_ms: 5 })], { sentMs: 2, atMs: 2 }));
    expect(state.snapshot.replicasByModel).toBe(before.replicasByModel);
    expect(state.snapshot.nodes.get('b')).toBe(before.nodes.get('b'));
    state.apply(report('a', [entry('m', { status: 'failed' })], { sentMs: 3, atMs: 3 }));
    expect(state.snapshot.replicasByModel.get('n')).toBe(before.replicasByModel.get('n'));
  });

  test('replicas of one model are ordered by node name, regardless of the order of the events', () => {
    const reports = ['c', 'a', 'b'].map((node) => report(node, [entry('m')]));
    const state = fleet({ nodes: ['b', 'c', 'a'] }, reports);
    expect(state.snapshot.replicasByModel.get('m')?.map(({ node }) => node)).toEqual([
      'a',
      'b',
      'c',
    ]);
  });
});
