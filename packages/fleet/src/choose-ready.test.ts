import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { entry, fleet, health, load, quiet, report, withLeases } from '../test/build-fleet.ts';
import { chooseReady } from './choose-ready.ts';
import { hasRoom, replicaLoad } from './replica-load.ts';

const ask = (overrides: object = {}) => ({ model: 'm', tried: [], weight: 1, ...overrides });

/** Nodes with `m` loaded, with the given load report. */
const loaded = (reports: Readonly<Record<string, Partial<Parameters<typeof load>[1]>>>) =>
  fleet(
    { nodes: Object.keys(reports) },
    Object.entries(reports).map(([node, overrides]) =>
      report(node, [entry('m')], { health: health([load('m', overrides)]) }),
    ),
  ).snapshot;

const chosen = (choice: ReturnType<typeof chooseReady>) =>
  choice.kind === 'node' ? choice.replica.node : choice.kind;

describe('chooseReady:', () => {
  test('a tie goes to the first node name', () => {
    expect(chosen(chooseReady(loaded({ b: {}, a: {} }), ask(), quiet))).toBe('a');
  });

  test('the replica with fewer requests is chosen', () => {
    const snapshot = loaded({ a: { in_flight: 2 }, b: { in_flight: 1 } });
    expect(chosen(chooseReady(snapshot, ask(), quiet))).toBe('b');
  });

  test('own requests that the node has not reported yet count', () => {
    const snapshot = loaded({ a: {}, b: {} });
    expect(chosen(chooseReady(snapshot, ask(), withLeases({ m: { a: 1 } })))).toBe('b');
  });

  test('a replica with more slots or more tokens per second gets more requests', () => {
    const slots = loaded({ a: { max_in_flight: 1 }, b: { max_in_flight: 4, in_flight: 2 } });
    const speed = loaded({ a: { tok_s_decode: 10 }, b: { tok_s_decode: 50, in_flight: 2 } });
    expect(chosen(chooseReady(slots, ask(), quiet))).toBe('b');
    expect(chosen(chooseReady(speed, ask(), quiet))).toBe('b');
  });

  test('a replica without a measured speed counts by its weight, on the scale of the measured ones', () => {
    const snapshot = loaded({ a: { tok_s_decode: 50, in_flight: 1 }, b: {} });
    expect(chosen(chooseReady(snapshot, ask(), quiet))).toBe('b');
  });

  test('a node that failed this request is not chosen again', () => {
    const snapshot = loaded({ a: {}, b: {} });
    expect(chosen(chooseReady(snapshot, ask({ tried: ['a'] }), quiet))).toBe('b');
    expect(chosen(chooseReady(snapshot, ask({ tried: ['a', 'b'] }), quiet))).toBe('none');
  });

  test('a request for one node gets that node', () => {
    expect(chosen(chooseReady(loaded({ a: {}, b: {} }), ask({ node: 'b' }), quiet))).toBe('b');
  });

  test('a draining node gets no request', () => {
    const state = fleet({ nodes: ['a', 'b'] }, [
      report('a', [entry('m')], { health: health([load('m')], { draining: true }) }),
      report('b', [entry('m')]),
    ]);
    expect(chosen(chooseReady(state.snapshot, ask(), quiet))).toBe('b');
  });
});

describe('chooseReady:', () => {
  test('requests wait when slots and queue are full', () => {
    const snapshot = loaded({ a: { max_in_flight: 2, max_queue_depth: 1 } });
    expect(chosen(chooseReady(snapshot, ask(), withLeases({ m: { a: 2 } })))).toBe('a');
    expect(chosen(chooseReady(snapshot, ask(), withLeases({ m: { a: 3 } })))).toBe('full');
  });

  test('a saturated model makes requests wait instead of a load elsewhere', () => {
    const state = fleet({ nodes: ['a', 'b'], catalogue: [{ id: 'm' }] }, [
      report('a', [entry('m')], {
        health: health([load('m', { in_flight: 4, queue_depth: 32 })]),
      }),
      report('b', []),
    ]);
    expect(chosen(chooseReady(state.snapshot, ask(), quiet))).toBe('full');
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
      chosen(chooseReady(state.snapshot, ask(), withLeases({ m: { a: own } })));
    expect([room(2), room(1)]).toEqual(['full', 'a']);
    state.apply(report('a', [entry('m')], { sentMs: 3, atMs: 3 }));
    expect(room(2)).toBe('a');
  });

  test('a request for n answers takes n slots, and is refused when no replica has as many', () => {
    const snapshot = loaded({ a: { max_in_flight: 2 }, b: { max_in_flight: 4, in_flight: 3 } });
    expect(chosen(chooseReady(snapshot, ask({ weight: 3 }), quiet))).toBe('b');
    expect(chooseReady(snapshot, ask({ weight: 5 }), quiet)).toEqual({
      kind: 'too_many',
      slots: 4,
    });
  });
});

describe('for any fleet, chooseReady', () => {
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
        const selection = chooseReady(snapshot, ask({ weight }), withLeases({ m: own }));
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
          chosen(chooseReady(loaded(some), ask(), withLeases({ m: own }))),
        );
        expect(one).toBe(other ?? '');
      }),
    );
  });
});
