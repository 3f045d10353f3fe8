/** The lists of models as different clients read them. */
import { afterEach, describe, expect, test } from 'bun:test';

import { type FakeModel, FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

const MODELS: readonly FakeModel[] = [
  {
    id: 'org/chat',
    quant: 'Q4_K_M',
    capabilities: ['text', 'tools', 'vision'],
    limit: { context: 8192, output: 4096 },
  },
  {
    id: 'embedder',
    capabilities: ['embedding'],
    status: 'unloaded',
    limit: { context: 512, output: 512 },
  },
  { id: 'loading', status: 'loading', progress: 0.4 },
];

async function start(modelsToml = ''): Promise<GatewayUnderTest> {
  const neuron = new FakeNeuron({ models: MODELS });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, modelsToml });
  open.push(gateway);
  return gateway;
}

const jsonOf = async (response: Promise<Response>) => toObject(await (await response).json());
const entriesOf = (list: Readonly<Record<string, unknown>>) =>
  Array.isArray(list['data']) ? list['data'].map((entry) => toObject(entry)) : [];

describe('GET /v1/models for OpenAI clients', () => {
  test('has the limits under every name that clients read, and the state as an object', async () => {
    const gateway = await start();

    const list = await jsonOf(gateway.get('/v1/models'));

    expect(entriesOf(list)).toMatchObject([
      { id: 'embedder', loaded: false, status: { value: 'unloaded' }, context_length: 512 },
      { id: 'loading', loaded: false, status: { value: 'loading', progress: 0.4 } },
      {
        id: 'org/chat',
        status: { value: 'loaded' },
        limit: { context: 8192, output: 4096 },
        max_model_len: 8192,
        context_length: 8192,
        max_context_length: 8192,
        context_window: 8192,
        max_output_tokens: 4096,
        meta: { n_ctx: 8192 },
        quantization: 'Q4_K_M',
      },
    ]);
    const [, unknown] = entriesOf(list);
    for (const name of ['limit', 'max_model_len', 'meta', 'max_output_tokens', 'cost'])
      expect(unknown).not.toHaveProperty(name);
    expect(list).not.toHaveProperty('models');
  });

  test('has the member that Codex requires where client_version is in the query', async () => {
    const gateway = await start();

    const list = await jsonOf(gateway.get('/v1/models?client_version=0.145.0'));

    expect(list['models']).toEqual([]);
    expect(entriesOf(list)).toHaveLength(3);
  });
});

describe('GET /v1/models for Anthropic clients', () => {
  test.each([
    { 'anthropic-version': '2023-06-01' },
    { 'user-agent': 'claude-code/2.1.3' },
    { 'user-agent': 'claude-cli/2.1.3 (external, cli)' },
  ])('lists every model also with a name that Claude Code offers: %j', async (headers) => {
    const gateway = await start('[aliases]\n"claude-tiny" = "org/chat"\nhidden = "org/chat"\n');

    const list = await jsonOf(gateway.get('/v1/models?limit=1000', { headers }));

    const ids = entriesOf(list).map(({ id }) => id);
    expect(ids).toEqual([
      'anthropic/embedder',
      'anthropic/loading',
      'anthropic/org/chat',
      'claude-tiny',
      'embedder',
      'loading',
      'org/chat',
    ]);
    expect(list).toMatchObject({ has_more: false, first_id: ids[0], last_id: ids.at(-1) });
    for (const id of ['anthropic/org/chat', 'claude-tiny', 'org/chat']) {
      const one = await jsonOf(gateway.get(`/v1/models/${id}`, { headers }));
      expect(one).toMatchObject({
        type: 'model',
        id,
        display_name: id,
        max_input_tokens: 8192,
        max_tokens: 4096,
      });
      expect(Date.parse(String(one['created_at']))).toBeGreaterThan(0);
      expect(entriesOf(list)).toContainEqual(one);
    }
    expect(entriesOf(list).find(({ id }) => id === 'loading')).not.toHaveProperty('max_tokens');
  });
});

test('a request for anthropic/ID is sent to the model ID under its own name', async () => {
  const neuron = new FakeNeuron({
    models: MODELS,
    answer: (exchange) => exchange.json({ model: exchange.model }),
  });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(gateway);

  const response = await gateway.chat({ model: 'anthropic/org/chat' });

  expect(await response.json()).toEqual({ model: 'org/chat' });
  expect(await gateway.record()).toMatchObject({
    model_asked: 'anthropic/org/chat',
    model: 'org/chat',
  });
});

describe('GET /api/v0/models', () => {
  test('lists the models in the format of LM Studio', async () => {
    const gateway = await start();

    const list = await jsonOf(gateway.get('/api/v0/models'));

    expect(list).toEqual({
      object: 'list',
      data: [
        {
          id: 'embedder',
          object: 'model',
          type: 'embeddings',
          publisher: 'cortex',
          arch: 'embedder',
          compatibility_type: 'gguf',
          state: 'not-loaded',
          max_context_length: 512,
          capabilities: [],
        },
        {
          id: 'loading',
          object: 'model',
          type: 'llm',
          publisher: 'cortex',
          arch: 'loading',
          compatibility_type: 'gguf',
          state: 'loading',
          capabilities: [],
        },
        {
          id: 'org/chat',
          object: 'model',
          type: 'vlm',
          publisher: 'org',
          arch: 'chat',
          compatibility_type: 'gguf',
          quantization: 'Q4_K_M',
          state: 'loaded',
          max_context_length: 8192,
          loaded_context_length: 8192,
          capabilities: ['tool_use', 'vision'],
        },
      ],
    });
  });

  test('has the family of the model as its architecture, also under another name', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'Qwen/Qwen3-8B' }] });
    open.push(neuron);
    const gateway = await GatewayUnderTest.start({
      neurons: { beast: neuron },
      modelsToml: '[aliases]\nfast = "Qwen/Qwen3-8B"\n',
    });
    open.push(gateway);

    for (const name of ['Qwen/Qwen3-8B', 'Qwen/Qwen3-8B@beast', 'fast'])
      expect(await jsonOf(gateway.get(`/api/v0/models/${name}`))).toMatchObject({ arch: 'qwen3' });
  });

  test('has each model under its own path, and 404 with a similar name for an unknown one', async () => {
    const gateway = await start();

    for (const path of ['org/chat', 'org%2Fchat', 'org/chat@beast'])
      expect(await jsonOf(gateway.get(`/api/v0/models/${path}`))).toMatchObject({
        id: decodeURIComponent(path),
        state: 'loaded',
      });
    const unknown = await gateway.get('/api/v0/models/org/chot');
    const wrongMethod = await gateway.post('/api/v0/models', {});

    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({
      error: {
        code: 'model_not_found',
        message:
          'No model is named "org/chot". Did you mean "org/chat"? "cortex models" and GET /v1/models list all names.',
      },
    });
    expect(wrongMethod.status).toBe(405);
  });

  test('is accompanied by the inference routes that its clients use', async () => {
    const neuron = new FakeNeuron({
      models: MODELS,
      answer: (exchange) => exchange.json({ path: exchange.path }),
    });
    open.push(neuron);
    const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
    open.push(gateway);

    const response = await gateway.post('/api/v0/chat/completions', { model: 'org/chat' });

    expect(await response.json()).toEqual({ path: '/v1/chat/completions' });
  });
});

describe('GET /v1/models/{name} with x-cortex-warm: 1', () => {
  test('answers at once and loads the model as for a request', async () => {
    const neuron = new FakeNeuron({ models: MODELS });
    open.push(neuron);
    const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
    open.push(gateway);

    const answer = await gateway.get('/v1/models/embedder', { headers: { 'x-cortex-warm': '1' } });

    expect(answer.status).toBe(200);
    const load = await neuron.load();
    // Nobody waits for it, and it goes on all the same.
    expect(load.request).toMatchObject({ model_id: 'embedder' });
    const [first] = neuron.calls.all.filter(({ path }) => path === '/models/load');
    expect(JSON.parse(first?.body ?? '')).toMatchObject({ detached: true });
    load.succeed();
    await gateway.untilKnown(
      ({ replicasByModel }) => replicasByModel.get('embedder')?.[0]?.isReady === true,
    );
    expect(gateway.inFlight).toBe(0);
  });
});
