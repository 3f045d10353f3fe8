import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { entry, fleet, health, load, quiet, report, withLeases } from '../test/build-fleet.ts';
import { hasRoom, replicaLoad, selectNode } from './index.ts';

const ask = (overrides: object = {}) => ({ model: 'm', tried: [], weight: 1, ...overrides });

/** Nodes with `m` loaded, with the given load report. */
const loaded = (reports: Readonly<Record<string, Partial<Parameters<typeof load>[1]>>>) =>
  fleet(
    { nodes: Object.keys(reports) },
    Object.entries(reports).map(([node, overrides]) =>
      report(node, [entry('m')], { health: health([load('m', overrides)]) }),
    ),
  ).snapshot;

const chosen = (selection: ReturnType<typeof selectNode>) =>
  selection.kind === 'node' ? selection.replica.node : selection.kind;

describe('selectNode:', () => {
  test('a tie goes to the first node name', () => {
    expect(chosen(selectNode(loaded({ b: {}, a: {} }), ask(), quiet))).toBe('a');
  });

  test('the replica with fewer requests is chosen', () => {
    const snapshot = loaded({ a: { in_flight: 2 }, b: { in_flight: 1 } });
    expect(chosen(selectNode(snapshot, ask(), quiet))).toBe('b');
  });

  test('own requests that the node has not reported yet count', () => {
    const snapshot = loaded({ a: {}, b: {} });
    expect(chosen(selectNode(snapshot, ask(), withLeases({ m: { a: 1 } })))).toBe('b');
  });

  test('a replica with more slots or more tokens per second gets more requests', () => {
    const slots = loaded({ a: { max_in_flight: 1 }, b: { max_in_flight: 4, in_flight: 2 } });
    const speed = loaded({ a: { tok_s_decode: 10 }, b: { tok_s_decode: 50, in_flight: 2 } });
    expect(chosen(selectNode(slots, ask(), quiet))).toBe('b');
    expect(chosen(selectNode(speed, ask(), quiet))).toBe('b');
  });

  test('a replica without a measured speed counts by its weight, on the scale of the measured ones', () => {
    const snapshot = loaded({ a: { tok_s_decode: 50, in_flight: 1 }, b: {} });
    expect(chosen(selectNode(snapshot, ask(), quiet))).toBe('b');
  });

  test('a node that failed this request is not chosen again', () => {
    const snapshot = loaded({ a: {}, b: {} });
    expect(chosen(selectNode(snapshot, ask({ tried: ['a'] }), quiet))).toBe('b');
    expect(selectNode(snapshot, ask({ tried: ['a', 'b'] }), quiet)).toEqual({
      kind: 'refused',
      refusal: { kind: 'all_tried', nodes: ['a', 'b'] },
    });
  });

  test('a request for one node gets that node', () => {
    expect(chosen(selectNode(loaded({ a: {}, b: {} }), ask({ node: 'b' }), quiet))).toBe('b');
  });

  test('a draining node gets no request', () => {
    const state = fleet({ nodes: ['a', 'b'] }, [
      report('a', [entry('m')], { health: health([load('m')], { draining: true }) }),
      report('b', [entry('m')]),
    ]);
    expect(chosen(selectNode(state.snapshot, ask(), quiet))).toBe('b');
  });
});

describe('selectNode:', () => {
  test('requests wait when slots and queue are full', () => {
    const snapshot = loaded({ a: { max_in_flight: 2, max_queue_depth: 1 } });
    expect(chosen(selectNode(snapshot, ask(), withLeases({ m: { a: 2 } })))).toBe('a');
    expect(chosen(selectNode(snapshot, ask(), withLeases({ m: { a: 3 } })))).toBe('full');
  });

  test('a saturated model makes requests wait instead of a load elsewhere', () => {
    const state = fleet({ nodes: ['a', 'b'], catalogue: [{ id: 'm' }] }, [
      report('a', [entry('m')], {
        health: health([load('m', { in_flight: 4, queue_depth: 32 })]),
      }),
      report('b', []),
    ]);
    expect(chosen(selectNode(state.snapshot, ask(), quiet))).toBe('full');
  });

  test('the own leases in a report are replaced by the leases held now', () => {
    const state = fleet({ nodes: ['a'] }, [
      report('a', [entry('m')], {
        health: health([load('m', { in_flight: 4, queue_depth: 2 })]),
        ownInFlight: new Map([['m', 5]]),
      }),
    ]);
    const [replica] = state.snapshot.replicasByModel.get('m') ?? [];
    if (!replica) throw new Error('no replica');
    expect(replicaLoad(replica, 5)).toBe(6);
    expect(replicaLoad(replica, 0)).toBe(1);
    expect(replicaLoad(replica, 9)).toBe(10);
  });

  test('a replica that refused for a full queue is not chosen until a lease ends or the node reports', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    state.apply({ kind: 'model_full', node: 'a', model: 'm', ownInFlight: 2, atMs: 2 });
    const room = (own: number) =>
      chosen(selectNode(state.snapshot, ask(), withLeases({ m: { a: own } })));
    expect([room(2), room(1)]).toEqual(['full', 'a']);
    state.apply(report('a', [entry('m')], { sentMs: 3, atMs: 3 }));
    expect(room(2)).toBe('a');
  });

  test('a request for n answers takes n slots, and is refused when no replica has as many', () => {
    const snapshot = loaded({ a: { max_in_flight: 2 }, b: { max_in_flight: 4, in_flight: 3 } });
    expect(chosen(selectNode(snapshot, ask({ weight: 3 }), quiet))).toBe('b');
    expect(selectNode(snapshot, ask({ weight: 5 }), quiet)).toEqual({
      kind: 'refused',
      refusal: { kind: 'too_many_answers', slots: 4 },
    });
  });
});

describe('for any fleet, selectNode', () => {
  const replica = fc.record({
    in_flight: fc.nat(6),
    queue_depth: fc.nat(4),
    max_in_flight: fc.integer({ min: 1, max: 4 }),
    max_queue_depth: fc.nat(4),
    tok_s_decode: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  });
  const fleets = fc.dictionary(fc.stringMatching(/^[a-e]$/), replica, { minKeys: 1, maxKeys: 5 });
  const leases = fc.dictionary(fc.stringMatching(/^[a-e]$/), fc.nat(6));

  test('never chooses a replica without room, and waits only when none has room', () => {
    fc.assert(
      fc.property(fleets, leases, fc.integer({ min: 1, max: 4 }), (nodes, own, weight) => {
        const snapshot = loaded(nodes);
        const selection = selectNode(snapshot, ask({ weight }), withLeases({ m: own }));
        const roomy = (snapshot.replicasByModel.get('m') ?? []).filter(
          (one) =>
            weight <= (one.load?.maxInFlight ?? 0) && hasRoom(one, own[one.node] ?? 0, weight),
        );
        if (selection.kind === 'node') expect(roomy).toContain(selection.replica);
        else expect(roomy).toEqual([]);
      }),
    );
  });

  test('gives the same answer for every order of the nodes in the configuration', () => {
    fc.assert(
      fc.property(fleets, leases, (nodes, own) => {
        const reversed = Object.fromEntries(Object.entries(nodes).toReversed());
        const [one, other] = [nodes, reversed].map((some) =>
          chosen(selectNode(loaded(some), ask(), withLeases({ m: own }))),
        );
        expect(one).toBe(other ?? '');
      }),
    );
  });
});

describe('a request for more answers than slots', () => {
  const cold = (slots?: number | 'auto') =>
    fleet({ nodes: ['a'], catalogue: [{ id: 'm', ...(slots !== undefined && { slots }) }] }, [
      report('a', []),
    ]).snapshot;

  test.each([
    [undefined, 5, 4],
    ['auto', 128, 4],
    [2, 3, 2],
  ] as const)('is refused before a model with %p slots is loaded for n = %p', (slots, n, most) => {
    expect(selectNode(cold(slots), ask({ weight: n }), quiet)).toEqual({
      kind: 'refused',
      refusal: { kind: 'too_many_answers', slots: most },
    });
  });

  test.each([
    [undefined, 4],
    [8, 8],
  ] as const)('does not include a model with %p slots and n = %p', (slots, n) => {
    expect(selectNode(cold(slots), ask({ weight: n }), quiet).kind).toBe('load');
  });
});
