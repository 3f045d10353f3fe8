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
  test('right after it was unloaded is a load, never a 404', () => {
    const { snapshot } = fleet({ nodes: ['a'] }, [
      report('a', [entry('m', { status: 'unloaded' })]),
    ]);
    expect(selectNode(snapshot, ask(), quiet)).toEqual({ kind: 'load', nodes: ['a'] });
  });

  test('is waited for where a node loads it already', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue }, [
      report('a', []),
      report('b', [entry('m', { status: 'pulling' })]),
    ]);
    expect(selectNode(snapshot, ask(), quiet)).toMatchObject({
      kind: 'loading',
      replica: { node: 'b' },
    });
  });

  test('in recovery keeps its place: no second placement', () => {
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

  test('failed on one node is loaded on another that can', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue }, [
      report('a', [entry('m', { status: 'failed', reason: 'broken' })]),
      report('b', []),
    ]);
    expect(selectNode(snapshot, ask(), quiet)).toEqual({ kind: 'load', nodes: ['b', 'a'] });
  });

  test('is refused with the reason and the time left while every node that can hold it has just failed', () => {
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
    expect(selectNode(snapshot, ask(), { ...failing, nowMs: 4_010 }).kind).toBe('load');
  });

  test('waits while a node has neither answered nor missed once: it may have it', () => {
    const state = fleet({ nodes: ['a', 'b'], catalogue }, [report('a', [])]);
    expect(selectNode(state.snapshot, ask(), quiet)).toEqual({ kind: 'pending' });
    state.apply({ kind: 'node_missed', node: 'b', atMs: 2, error: 'refused' });
    expect(selectNode(state.snapshot, ask(), quiet)).toEqual({ kind: 'load', nodes: ['a'] });
  });
});

describe('a model that cannot be served', () => {
  test('by anybody, ever: what each node lacks', () => {
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

  test('because its harness is on no node: said so, as a lack', () => {
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

  test('while its only node is down: no healthy node, with the cause', () => {
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

  test('as long as no node has ever answered: nobody can say that it is not there', () => {
    const state = fleet({ nodes: ['a'] });
    takeDown(state, 'a');
    expect(selectNode(state.snapshot, ask(), quiet)).toMatchObject({
      refusal: { kind: 'no_healthy_node' },
    });
  });

  test('while its node drains, or has it loaded without being able to serve: no capacity', () => {
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

  test('on a node that is not configured', () => {
    const { snapshot } = fleet({ nodes: ['a'], catalogue }, [report('a', [])]);
    expect(selectNode(snapshot, ask({ node: 'x' }), quiet)).toMatchObject({
      refusal: { kind: 'not_found', lacks: [{ node: 'x', text: 'is not configured' }] },
    });
  });
});
