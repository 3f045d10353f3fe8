import { describe, expect, test } from 'bun:test';

import { MODEL_STATES } from '@cortex/protocol';

import {
  discovery,
  entry,
  fleet,
  fleetConfig,
  gpu,
  report,
  takeDown,
} from '../../test/build-fleet.ts';
import {
  describeModel,
  fleetHealth,
  listAdminModels,
  listAdminNodes,
  listModels,
  type Words,
  modelStatus,
} from '../index.ts';

const createdS = 7;
const fits = () => false;
const words: Words = {
  cannotServe: (lacks) => lacks.map(({ node, lacking }) => `${node} lacks ${lacking.what}`).join(),
  avoided: ({ model = 'all', failures }) => `${model} failed ${failures}`,
  outdated: ({ keys }) => `other ${keys.join()}`,
};
const idle = { inFlight: () => 0, waiting: () => 0, circuits: () => [], sleep: () => undefined };

describe('GET /v1/models', () => {
  test('lists the catalogue, the models on up nodes and the listed aliases, ordered by id', () => {
    const state = fleet({
      nodes: ['a'],
      catalogue: [{ id: 'z' }, { id: 'hidden', listed: false }],
    });
    state.apply({
      kind: 'config_changed',
      config: {
        ...fleetConfig({ nodes: ['a'], catalogue: [{ id: 'z' }, { id: 'hidden', listed: false }] }),
        aliases: [
          { name: 'fast', models: ['m'], listed: true },
          { name: 'quiet', models: ['m'], listed: false },
          { name: 'claude-*', models: ['m'], listed: true },
        ],
      },
      atMs: 0,
    });
    state.apply(report('a', [entry('m'), entry('hidden')]));
    const models = listModels(state.snapshot, { createdS, words, fits });
    expect(models.map(({ id }) => id)).toEqual(['fast', 'm', 'z']);
    expect(models[1]).toMatchObject({ aliases: ['fast', 'quiet'] });
    expect(models[0]).toMatchObject({ id: 'fast', loaded: true, locations: [{ node: 'a' }] });
  });

  test('reports where a model is and where it can be loaded, and omits unknown values', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue: [{ id: 'm', harness: 'vllm' }] }, [
      report('a', [entry('m', { vram_used_mb: 5, limit: { context: 8192, output: 4096 } })], {
        discovery: discovery({ harnesses: ['vllm'] }),
      }),
      report('b', []),
    ]);
    expect(listModels(snapshot, { createdS, words, fits })).toEqual([
      {
        id: 'm',
        object: 'model',
        created: 7,
        owned_by: 'cortex',
        loaded: true,
        status: { value: 'loaded' },
        locations: [{ node: 'a', status: 'loaded', vram_mb: 5 }],
        feasible_on: ['a'],
        capabilities: [],
        limit: { context: 8192, output: 4096 },
        max_model_len: 8192,
        context_length: 8192,
        max_context_length: 8192,
        context_window: 8192,
        max_output_tokens: 4096,
        meta: { n_ctx: 8192 },
      },
    ]);
  });

  test('has size and age of the largest file on a node that is up', () => {
    const files = [
      { size_bytes: 7, modified_at: '2026-01-02T00:00:00.000Z' },
      { size_bytes: 9, modified_at: '2026-01-01T00:00:00.000Z' },
      {},
    ];
    const { snapshot } = fleet(
      { nodes: ['a', 'b', 'c'] },
      files.map((file, at) => report(String.fromCharCode(97 + at), [entry('m', file), entry('n')])),
    );
    expect(describeModel(snapshot, 'm', { createdS, words, fits })).toMatchObject({
      size_bytes: 9,
      modified_at: '2026-01-01T00:00:00.000Z',
    });
    expect(describeModel(snapshot, 'n', { createdS, words, fits })?.size_bytes).toBeUndefined();
  });

  test('shows the progress of the replica that is furthest in the best state, and only while it is known', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b', 'c'] }, [
      report('a', [entry('m', { status: 'loading', progress: 0.25 }), entry('n')]),
      report('b', [entry('m', { status: 'loading', progress: 0.5 })]),
      report('c', [entry('m', { status: 'pulling', progress: 0.75 })]),
    ]);
    expect(describeModel(snapshot, 'm', { createdS, words, fits })?.status).toEqual({
      value: 'loading',
      progress: 0.5,
    });
    expect(describeModel(snapshot, 'n', { createdS, words, fits })?.status).toEqual({
      value: 'loaded',
    });
  });

  test('shows the quantisation of a model if all its replicas have the same', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'] }, [
      report('a', [entry('same', { quant: 'Q4_K_M' }), entry('mixed', { quant: 'Q4_K_M' })]),
      report('b', [entry('same', { quant: 'Q4_K_M' }), entry('mixed', { quant: 'Q8_0' })]),
    ]);
    expect(describeModel(snapshot, 'same', { createdS, words, fits })?.quantization).toBe('Q4_K_M');
    expect(
      describeModel(snapshot, 'mixed', { createdS, words, fits })?.quantization,
    ).toBeUndefined();
  });

  test('lists a catalogue entry whose harness no node has, with the reason', () => {
    const { snapshot } = fleet({ nodes: ['a'], catalogue: [{ id: 'm', harness: 'mistralrs' }] }, [
      report('a', []),
    ]);
    expect(describeModel(snapshot, 'm', { createdS, words, fits })).toMatchObject({
      loaded: false,
      status: { value: 'unloaded' },
      feasible_on: [],
      reason: 'a lacks harness',
    });
    expect(fleetHealth(snapshot).status).toBe('ok');
  });

  test('finds exactly the names that a request can use', () => {
    const aliases = { 'claude-*': 'm', exact: ['m'] };
    const { snapshot } = fleet({ nodes: ['a'], aliases }, [report('a', [entry('m')])]);
    const open = fleet({ nodes: ['a'], aliases: { default: 'm' } }, [report('a', [entry('m')])]);

    for (const id of ['m', 'exact', 'claude-sonnet-5', 'm@a', 'anthropic/m', 'anthropic/exact'])
      expect(describeModel(snapshot, id, { createdS, words, fits })).toMatchObject({
        id,
        loaded: true,
      });
    expect(describeModel(snapshot, 'gpt-5', { createdS, words, fits })).toBeUndefined();
    expect(describeModel(open.snapshot, 'gpt-5', { createdS, words, fits })).toMatchObject({
      id: 'gpt-5',
      root: 'm',
    });
    expect(describeModel(snapshot, 'm', { createdS, words, fits })).not.toHaveProperty('root');
  });

  test('omits a model whose only node is down', () => {
    const state = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    takeDown(state, 'a');
    expect(listModels(state.snapshot, { createdS, words, fits })).toEqual([]);
  });

  test('gives a model the best state among its replicas', () => {
    const order = MODEL_STATES;
    const seen = order.map((_, from) => {
      const nodes = order.slice(from).map((_status, index) => `n${index}`);
      const { snapshot } = fleet(
        { nodes },
        nodes.map((node, index) =>
          report(node, [entry('m', { status: order[from + index] ?? '' })]),
        ),
      );
      return modelStatus(snapshot.replicasByModel.get('m') ?? []);
    });
    expect(seen).toEqual([...order]);
  });

  test('does not show an unservable model as loaded', () => {
    const { snapshot } = fleet({ nodes: ['a'] }, [
      report('a', [entry('m', { servable: { ok: false } })]),
    ]);
    expect(describeModel(snapshot, 'm', { createdS, words, fits })).toMatchObject({
      loaded: false,
      status: { value: 'failed' },
    });
  });
});

describe('GET /health', () => {
  test('is impaired when a model on a running node cannot serve, and names node, model and reason', () => {
    const { snapshot } = fleet({ nodes: ['a'] }, [
      report('a', [entry('m', { servable: { ok: false, reason: 'poisoned' } }), entry('n')]),
    ]);
    expect(fleetHealth(snapshot)).toEqual({
      status: 'impaired',
      nodes: { healthy: 1, total: 1 },
      unservable: [{ node: 'a', model: 'm', status: 'loaded', reason: 'poisoned' }],
    });
  });

  test('is degraded when a node is down, unless the node may sleep', () => {
    const state = fleet({ nodes: ['a', 'b'] }, [report('a', []), report('b', [])]);
    takeDown(state, 'b');
    const degraded = fleetHealth(state.snapshot);
    const nodes = [
      { name: 'a', endpoint: 'http://a:13131' },
      { name: 'b', endpoint: 'http://b:13131', expectedOffline: true },
    ];
    const config = { ...fleetConfig({ nodes: [] }), nodes };
    state.apply({ kind: 'config_changed', config, atMs: 3 });
    expect(degraded).toEqual({ status: 'degraded', nodes: { healthy: 1, total: 2 } });
    expect(fleetHealth(state.snapshot).status).toBe('ok');
  });

  test('is ok while a model is saturated or loading', () => {
    const { snapshot } = fleet({ nodes: ['a'] }, [
      report('a', [entry('m'), entry('n', { status: 'loading' })]),
    ]);
    expect(fleetHealth(snapshot).status).toBe('ok');
  });
});

describe('GET /admin/v1', () => {
  test('nodes shows hardware and models of up nodes, and why a node is not up', () => {
    const state = fleet({ nodes: ['a', 'b'] }, [
      report('a', [entry('m')], { discovery: discovery({ devices: [gpu(0, 24_000)] }) }),
    ]);
    state.apply({ kind: 'node_missed', node: 'b', atMs: 2, error: 'connection refused' });
    const nodes = listAdminNodes(state.snapshot, {
      activity: { ...idle, inFlight: () => 3 },
      words,
    });
    expect(nodes).toMatchObject([
      { name: 'a', state: 'up', in_flight: 3, models: [{ id: 'm', status: 'loaded' }] },
      { name: 'b', state: 'unknown', error: 'connection refused', misses: 1, models: [] },
    ]);
  });

  test('nodes shows what requests avoid, since when, until when and why', () => {
    const { snapshot } = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    const circuit = {
      node: 'a',
      model: 'm',
      failures: 4,
      code: 'node_timeout',
      openForMs: 6049,
      remainingMs: 9000,
    };

    const [node] = listAdminNodes(snapshot, {
      activity: { ...idle, circuits: () => [circuit] },
      words,
    });

    expect(node?.avoided).toEqual([
      {
        model: 'm',
        ago_s: 6,
        remaining_s: 9,
        failures: 4,
        code: 'node_timeout',
        text: 'm failed 4',
      },
    ]);
  });

  test('models shows every replica with the report of its node, leases and waiting requests', () => {
    const { snapshot } = fleet({ nodes: ['a'], aliases: { 'x-*': 'm' } }, [
      report('a', [entry('m', { quant: 'Q4_K_M', idle_ms: 5 })]),
    ]);
    expect(
      listAdminModels(snapshot, {
        activity: { ...idle, inFlight: () => 2, waiting: () => 9 },
        words,
      }),
    ).toMatchObject([
      {
        id: 'm',
        catalogued: false,
        aliases: ['x-*'],
        waiting: 9,
        replicas: [{ node: 'a', in_flight: 2, model: { quant: 'Q4_K_M', idle_ms: 5 } }],
      },
    ]);
  });

  test('models has a reason only for a model that no replica serves, and not its status', () => {
    const absent = { ok: false, reason: 'unloaded' };
    const unloaded = (id: string) => entry(id, { status: 'unloaded', servable: absent });
    const { snapshot } = fleet({ nodes: ['a', 'b'] }, [
      report('a', [unloaded('m'), unloaded('n'), unloaded('o')]),
      report('b', [entry('m'), entry('n', { status: 'failed', reason: 'broken file' })]),
    ]);
    const models = listAdminModels(snapshot, { activity: idle, words });
    expect(models.map(({ id, reason }) => [id, reason])).toEqual([
      ['m', undefined],
      ['n', 'broken file'],
      ['o', undefined],
    ]);
  });

  test('models shows the settings in which a loaded model differs from models.toml', () => {
    const settings = { kv_type: 'f16', context_length: 8192 };
    const { snapshot } = fleet({ nodes: ['a'], catalogue: [{ id: 'm', kvType: 'q8_0' }] }, [
      report('a', [entry('m', { settings })]),
    ]);
    const [model] = listAdminModels(snapshot, { activity: idle, words });
    expect(model?.replicas[0]?.model.config_mismatch).toEqual({
      keys: ['context_length', 'kv_type'],
      text: 'other context_length,kv_type',
    });
  });
});
