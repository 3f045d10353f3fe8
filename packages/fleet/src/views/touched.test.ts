import { describe, expect, test } from 'bun:test';

import * as fc from 'fast-check';

import {
  discovery,
  entry,
  fleet,
  fleetConfig,
  gpu,
  health,
  report,
} from '../../test/build-fleet.ts';
import {
  type FleetEvent,
  type FleetSnapshot,
  isSameModelView,
  isSameNodeView,
  listAdminModels,
  listAdminNodes,
  touchedBy,
} from '../index.ts';

const options = {
  activity: { inFlight: () => 0, waiting: () => 0, circuits: () => [], sleep: () => undefined },
  words: {
    cannotServe: (lacks: readonly { readonly node: string }[]) =>
      lacks.map(({ node }) => node).join(),
    avoided: () => '',
    outdated: () => '',
  },
};
const NODES = ['a', 'b'];
const MODELS = ['m', 'n', 'o', 'p'];
const node = fc.constantFrom(...NODES);
const model = fc.constantFrom(...MODELS);
const status = fc.constantFrom('loaded', 'loading', 'unloaded', 'failed', 'draining');

const models = fc
  .uniqueArray(fc.record({ id: model, status, backend: fc.constantFrom('cpu', 'cuda') }), {
    selector: ({ id }) => id,
  })
  .map((entries) => entries.map(({ id, ...reported }) => entry(id, reported)));

type Step = (atMs: number) => FleetEvent;

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ node, models, cards: fc.constantFrom(undefined, 0, 2) }).map(
    ({ node, models, cards }): Step =>
      (atMs) =>
        report(node, models, {
          sentMs: atMs,
          atMs,
          // Most polls do not ask for the hardware.
          discovery:
            cards === undefined
              ? undefined
              : discovery({
                  devices: Array.from({ length: cards }, (_, index) => gpu(index, 8000)),
                }),
        }),
  ),
  node.map((node): Step => (atMs) => ({ kind: 'node_missed', node, atMs, error: 'refused' })),
  fc.record({ node, model, status }).map(({ node, model, status }): Step => (atMs) => ({
    kind: 'model_status',
    node,
    model,
    status,
    atMs,
  })),
  fc.record({ node, draining: fc.boolean() }).map(({ node, draining }): Step => (atMs) => ({
    kind: 'draining_changed',
    node,
    draining,
    atMs,
  })),
  fc
    .record({ node, model })
    .map(({ node, model }): Step => (atMs) => ({ kind: 'model_gone', node, model, atMs })),
  fc
    .record({
      nodes: fc.uniqueArray(node),
      catalogue: fc.uniqueArray(model),
      aliased: model,
      minDevices: fc.constantFrom(1, 2),
    })
    .map(({ nodes, catalogue, aliased, minDevices }): Step => (atMs) => ({
      kind: 'config_changed',
      config: fleetConfig({
        nodes,
        catalogue: catalogue.map((id) => ({ id, minDevices })),
        aliases: { fast: aliased },
      }),
      atMs,
    })),
);

const viewOf = (snapshot: FleetSnapshot) => ({
  nodes: new Map(listAdminNodes(snapshot, options).map((view) => [view.name, view])),
  models: new Map(listAdminModels(snapshot, options).map((view) => [view.id, view])),
});

/** The keys of the entries that are not the same in both. */
function different<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  isSame: (a: T, b: T) => boolean,
): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((key) => {
    const [old, now] = [before.get(key), after.get(key)];
    return old === undefined || now === undefined || !isSame(old, now);
  });
}

describe('what is touched between two snapshots', () => {
  test('has every node and model whose entry differs, whatever has happened', () => {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 1, maxLength: 12 }), fc.nat(11), (all, middle) => {
        const state = fleet({ nodes: NODES, catalogue: [{ id: 'm' }] });
        let before = state.snapshot;
        for (const [index, step] of all.entries()) {
          const event = step(index + 1);
          // A single failed poll changes little.
          const times = event.kind === 'node_missed' ? 3 : 1;
          for (let count = 0; count < times; count += 1) state.apply(event);
          if (index === middle) before = state.snapshot;
        }
        const [old, now] = [viewOf(before), viewOf(state.snapshot)];

        const touched = touchedBy(before, state.snapshot);

        expect([...touched.nodes]).toEqual(
          expect.arrayContaining([...different(old.nodes, now.nodes, isSameNodeView)]),
        );
        expect([...touched.models]).toEqual(
          expect.arrayContaining([...different(old.models, now.models, isSameModelView)]),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('has only the model of a change, and its node', () => {
    const state = fleet({ nodes: NODES }, [report('a', [entry('m'), entry('n')])]);
    const before = state.snapshot;

    state.apply({ kind: 'model_status', node: 'a', model: 'm', status: 'draining', atMs: 2 });

    expect(touchedBy(before, state.snapshot)).toEqual({
      nodes: new Set(['a']),
      models: new Set(['m']),
    });
  });
});

test('a report that says something else about a model touches it, even if nothing is decided by that', () => {
  const state = fleet({ nodes: NODES }, [report('a', [entry('m', { backend: 'cpu' })])]);
  const before = state.snapshot;

  state.apply(
    report('a', [entry('m', { backend: 'cuda' })], { sentMs: 2, atMs: 2, discovery: undefined }),
  );

  expect(touchedBy(before, state.snapshot).models).toContain('m');
});

test('the hardware of a node touches the models that it could hold', () => {
  const with2 = discovery({ devices: [gpu(0, 8000), gpu(1, 8000)] });
  const catalogue = [{ id: 'm', minDevices: 2 }];
  const state = fleet({ nodes: ['a'], catalogue }, [report('a', [], { discovery: with2 })]);
  const before = state.snapshot;

  state.apply(report('a', [], { sentMs: 2, atMs: 2, discovery: discovery() }));

  expect(touchedBy(before, state.snapshot).models).toContain('m');
});

describe('two entries', () => {
  const [view] = listAdminModels(
    fleet({ nodes: ['a'] }, [report('a', [entry('m', { idle_ms: 5 })])]).snapshot,
    options,
  );
  const snapshot = (usedMb: number) =>
    fleet({ nodes: ['a'] }, [
      report('a', [], {
        discovery: discovery({ devices: [gpu(0, 8000)] }),
        health: health([], {
          devices: [{ index: 0, kind: 'cuda', vram_used_mb: usedMb, vram_free_mb: 1 }],
        }),
      }),
    ]).snapshot;
  const nodeUsing = (usedMb: number) => {
    const [entry] = listAdminNodes(snapshot(usedMb), options);
    if (!entry) throw new Error('no node');
    return entry;
  };

  test('of a model are the same if only requests and time differ', () => {
    if (!view) throw new Error('no model');
    const [replica] = view.replicas;
    if (!replica) throw new Error('no replica');
    const later = { ...replica, in_flight: 3, model: { ...replica.model, idle_ms: 9000 } };
    const failed = { ...replica, model: { ...replica.model, status: 'failed' } };

    expect(isSameModelView(view, { ...view, waiting: 2, replicas: [later] })).toBe(true);
    expect(isSameModelView(view, { ...view, replicas: [failed] })).toBe(false);
    expect(isSameModelView(view, { ...view, aliases: ['fast'] })).toBe(false);
  });

  test.each([
    [1000, 1064, true],
    [1000, 1065, false],
  ])('of a node that uses %p MiB and then %p MiB are the same: %p', (before, now, isSame) => {
    expect(isSameNodeView(nodeUsing(before), { ...nodeUsing(now), in_flight: 7 })).toBe(isSame);
  });
});
