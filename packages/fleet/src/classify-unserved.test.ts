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
import { type DecisionContext, selectNode } from './index.ts';

const ask = (overrides: object = {}) => ({ model: 'm', tried: [], weight: 1, ...overrides });
const catalogue = [{ id: 'm', harness: 'llama' }];

describe('a model that is not loaded', () => {
  test('is loaded right after it was unloaded, never answered with 404', () => {
    const { snapshot } = fleet({ nodes: ['a'] }, [
      report('a', [entry('m', { status: 'unloaded' })]),
    ]);
    expect(selectNode(snapshot, ask(), quiet)).toEqual({ kind: 'load', nodes: ['a'] });
  });

  test('is waited for when a node already loads it', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue }, [
      report('a', []),
      report('b', [entry('m', { status: 'pulling' })]),
    ]);
    expect(selectNode(snapshot, ask(), quiet)).toMatchObject({
      kind: 'loading',
      replica: { node: 'b' },
    });
  });

  test('in recovery is not placed on a second node', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue }, [
      report('a', [entry('m', { status: 'recovering' })]),
      report('b', []),
    ]);
    expect(selectNode(snapshot, ask(), quiet)).toEqual({
      kind: 'refused',
      refusal: { kind: 'recovering', node: 'a' },
    });
  });

  test('in recovery on one node is served by another ready replica', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'] }, [
      report('a', [entry('m', { status: 'recovering' })]),
      report('b', [entry('m')]),
    ]);
    expect(selectNode(snapshot, ask(), quiet)).toMatchObject({ replica: { node: 'b' } });
  });

  test('is loaded on another node after it failed on one', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue }, [
      report('a', [entry('m', { status: 'failed', reason: 'broken' })]),
      report('b', []),
    ]);
    expect(selectNode(snapshot, ask(), quiet)).toEqual({ kind: 'load', nodes: ['b', 'a'] });
  });

  test('is refused with the reason and the remaining time while every node that can hold it has just failed', () => {
    const { snapshot } = fleet({ nodes: ['a'], catalogue }, [report('a', [])]);
    const failing: DecisionContext = {
      ...quiet,
      failures: {
        failure: () => ({ reason: 'no such file', retryAtMs: 4_010, isTransient: false }),
      },
    };
    expect(selectNode(snapshot, ask(), failing)).toEqual({
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
    expect(selectNode(state.snapshot, ask(), quiet)).toEqual({ kind: 'pending' });
    state.apply({ kind: 'node_missed', node: 'b', atMs: 2, error: 'refused' });
    expect(selectNode(state.snapshot, ask(), quiet)).toEqual({ kind: 'load', nodes: ['a'] });
  });
});

describe('classifyUnserved', () => {
  test('says that the only node has given its GPU to other programs', () => {
    const { snapshot } = fleet({ nodes: ['a'], catalogue: [{ id: 'm' }] }, [
      report('a', [], {
        health: health([], { devices: [{ index: 0, kind: 'cuda', yielding: true }] }),
      }),
    ]);

    expect(selectNode(snapshot, ask(), quiet)).toEqual({
      kind: 'refused',
      refusal: {
        kind: 'no_capacity',
        obstacles: [{ node: 'a', text: 'has given its GPUs to other programs for now' }],
      },
    });
  });

  test('names what each node lacks when no node can ever serve the model', () => {
    const { snapshot } = fleet(
      { nodes: ['a', 'b'], catalogue: [{ id: 'm', minDevices: 2, minDeviceVramMb: 10_000 }] },
      [
        report('a', [], { discovery: discovery({ devices: [gpu(0, 24_000)] }) }),
        report('b', [], { discovery: discovery({ devices: [gpu(0, 8_000), gpu(1, 8_000)] }) }),
      ],
    );
    const selection = selectNode(snapshot, ask(), quiet);
    expect(selection).toEqual({
      kind: 'refused',
      refusal: {
        kind: 'not_found',
        lacks: [
          { node: 'a', what: 'devices', text: 'has 1 of 2 GPUs of 10000 MiB' },
          { node: 'b', what: 'devices', text: 'has 0 of 2 GPUs of 10000 MiB' },
        ],
      },
    });
  });

  test('names the harness that every node lacks', () => {
    const { snapshot } = fleet({ nodes: ['a'], catalogue: [{ id: 'm', harness: 'mistralrs' }] }, [
      report('a', []),
    ]);
    expect(selectNode(snapshot, ask(), quiet)).toMatchObject({
      refusal: {
        kind: 'not_found',
        lacks: [{ text: 'has no harness "mistralrs" (it has llama)' }],
      },
    });
  });

  test('answers no healthy node, with the cause, while the only node of a model is down', () => {
    const state = fleet({ nodes: ['a', 'b'] }, [report('a', [entry('m')]), report('b', [])]);
    takeDown(state, 'a');
    expect(selectNode(state.snapshot, ask(), quiet)).toEqual({
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
    expect(selectNode(state.snapshot, ask(), quiet)).toMatchObject({
      refusal: { kind: 'no_healthy_node' },
    });
  });

  test('answers no capacity while the node of a model drains or cannot serve it', () => {
    const draining = fleet({ nodes: ['a'] }, [
      report('a', [entry('m')], { health: health([load('m')], { draining: true }) }),
    ]);
    const sick = fleet({ nodes: ['a'] }, [
      report('a', [entry('m', { servable: { ok: false, reason: 'too little memory' } })]),
    ]);
    const refusals = [draining, sick].map(({ snapshot }) => selectNode(snapshot, ask(), quiet));
    expect(refusals).toMatchObject([
      { refusal: { kind: 'no_capacity', obstacles: [{ text: 'is draining' }] } },
      {
        refusal: {
          kind: 'no_capacity',
          obstacles: [{ text: 'has it loaded but cannot serve it: too little memory' }],
        },
      },
    ]);
  });

  test('refuses a node that is not configured', () => {
    const { snapshot } = fleet({ nodes: ['a'], catalogue }, [report('a', [])]);
    expect(selectNode(snapshot, ask({ node: 'x' }), quiet)).toMatchObject({
      refusal: { kind: 'not_found', lacks: [{ node: 'x', text: 'is not configured' }] },
    });
  });
});
