import { describe, expect, test } from 'bun:test';

import {
  discovery,
  entry,
  fleet,
  gpu,
  health,
  load,
  quiet,
  report,
  takeDown,
} from '../test/build-fleet.ts';
import { classifyPresent, refusalOf } from './classify-unserved.ts';
import type { DecisionContext } from './decision-context.ts';
import type { FleetSnapshot } from './snapshot.ts';

const ask = (overrides: object = {}) => ({ model: 'm', tried: [], weight: 1, ...overrides });
const catalogue = [{ id: 'm', harness: 'llama' }];

/** What a request is told that no replica takes and no node loads. */
const told = (snapshot: FleetSnapshot, question = ask(), context = quiet) =>
  classifyPresent(snapshot, question) ?? {
    kind: 'refused',
    refusal: refusalOf(snapshot, question, context),
  };

describe('a model that is not loaded', () => {
  test('has nothing in the way of a load right after it was unloaded', () => {
    const { snapshot } = fleet({ nodes: ['a'] }, [
      report('a', [entry('m', { status: 'unloaded' })]),
    ]);
    expect(classifyPresent(snapshot, ask())).toBeUndefined();
  });

  test('is waited for when a node already loads it', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue }, [
      report('a', []),
      report('b', [entry('m', { status: 'pulling' })]),
    ]);
    expect(told(snapshot)).toMatchObject({
      kind: 'loading',
      replica: { node: 'b' },
    });
  });

  test('in recovery is not placed on a second node', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue }, [
      report('a', [entry('m', { status: 'recovering' })]),
      report('b', []),
    ]);
    expect(told(snapshot)).toEqual({
      kind: 'refused',
      refusal: { kind: 'recovering', node: 'a' },
    });
  });

  test('is refused with the reason and the remaining time while every node that can hold it has just failed', () => {
    const { snapshot } = fleet({ nodes: ['a'], catalogue }, [report('a', [])]);
    const failing: DecisionContext = {
      ...quiet,
      failures: {
        failure: () => ({ reason: 'no such file', retryAtMs: 4_010, isTransient: false }),
      },
    };
    expect(told(snapshot, ask(), failing)).toEqual({
      kind: 'refused',
      refusal: {
        kind: 'load_failed',
        node: 'a',
        reason: 'no such file',
        isTransient: false,
        retryInMs: 4_000,
      },
    });
  });

  test('makes requests wait while a node that may have it is still pending', () => {
    const state = fleet({ nodes: ['a', 'b'], catalogue }, [report('a', [])]);
    expect(told(state.snapshot)).toEqual({ kind: 'pending' });
    state.apply({ kind: 'node_missed', node: 'b', atMs: 2, error: 'refused' });
    expect(classifyPresent(state.snapshot, ask())).toBeUndefined();
  });
});

describe('a refusal', () => {
  test('names what each node lacks when no node can ever serve the model', () => {
    const { snapshot } = fleet(
      { nodes: ['a', 'b'], catalogue: [{ id: 'm', minDevices: 2, minDeviceVramMb: 10_000 }] },
      [
        report('a', [], { discovery: discovery({ devices: [gpu(0, 24_000)] }) }),
        report('b', [], { discovery: discovery({ devices: [gpu(0, 8_000), gpu(1, 8_000)] }) }),
      ],
    );
    const lacking = { what: 'devices', need: 2, unit: 'devices', eachMib: 10_000 } as const;
    expect(told(snapshot)).toEqual({
      kind: 'refused',
      refusal: {
        kind: 'not_found',
        lacks: [
          { node: 'a', lacking: { ...lacking, have: 1 } },
          { node: 'b', lacking: { ...lacking, have: 0 } },
        ],
      },
    });
  });

  test('names the harness that every node lacks', () => {
    const { snapshot } = fleet({ nodes: ['a'], catalogue: [{ id: 'm', harness: 'mistralrs' }] }, [
      report('a', []),
    ]);
    expect(told(snapshot)).toMatchObject({
      refusal: {
        kind: 'not_found',
        lacks: [{ lacking: { what: 'harness', need: 'mistralrs', have: 'llama' } }],
      },
    });
  });

  test('answers no healthy node, with the cause, while the only node of a model is down', () => {
    const state = fleet({ nodes: ['a', 'b'] }, [report('a', [entry('m')]), report('b', [])]);
    takeDown(state, 'a');
    expect(told(state.snapshot)).toEqual({
      kind: 'refused',
      refusal: {
        kind: 'no_healthy_node',
        nodes: [{ node: 'a', error: 'connection refused' }],
      },
    });
  });

  test('does not answer that a model is unknown before any node has answered', () => {
    const state = fleet({ nodes: ['a'] });
    takeDown(state, 'a');
    expect(told(state.snapshot)).toMatchObject({
      refusal: { kind: 'no_healthy_node' },
    });
  });

  test('is left to the placement while a node that could hold the model is up but cannot take it', () => {
    const draining = fleet({ nodes: ['a'] }, [
      report('a', [entry('m')], { health: health([load('m')], { draining: true }) }),
    ]);
    const sick = fleet({ nodes: ['a'] }, [
      report('a', [entry('m', { servable: { ok: false, reason: 'too little memory' } })]),
    ]);
    const refusals = [draining, sick].map(({ snapshot }) => refusalOf(snapshot, ask(), quiet));
    expect(refusals).toEqual([undefined, undefined]);
  });

  test('refuses a node that is not configured', () => {
    const { snapshot } = fleet({ nodes: ['a'], catalogue }, [report('a', [])]);
    expect(told(snapshot, ask({ node: 'x' }))).toMatchObject({
      refusal: { kind: 'not_found', lacks: [{ node: 'x', lacking: { what: 'node' } }] },
    });
  });
});
