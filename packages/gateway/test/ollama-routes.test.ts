/** What only Ollama's API has: tags, loads without a prompt, vectors and lists. */
import { afterEach, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { chatAnswer } from './client-dialects.ts';
import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

const ALIAS = '[aliases]\n"fast" = "org/model"\n';

async function setUp(status: 'loaded' | 'unloaded' = 'loaded') {
  const neuron = new FakeNeuron({ models: [{ id: 'org/model', status }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, modelsToml: ALIAS });
  open.push(gateway);
  return { neuron, gateway };
}

test('Ollama finds a model by its name with the tag latest, and answers with that name', async () => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.post('/api/chat', {
    model: 'org/model:latest',
    messages: [{ role: 'user', content: 'hi' }],
    stream: false,
  });
  const exchange = await neuron.exchange();
  exchange.json(chatAnswer('hello'));

  expect(exchange.model).toBe('org/model');
  expect(toObject(await (await answer).json())['model']).toBe('org/model:latest');
});

test.each([
  ['/api/chat', { messages: [] }, { message: { content: '' }, done: true, done_reason: 'load' }],
  ['/api/generate', { prompt: '' }, { response: '', done: true, done_reason: 'load' }],
  ['/api/embed', { input: [] }, { embeddings: [] }],
] as const)(
  '%s without a prompt waits for the load and keeps no slot',
  async (path, members, answered) => {
    const { neuron, gateway } = await setUp('unloaded');

    const answer = gateway.post(path, { model: 'fast', ...members });
    const load = await neuron.load();
    load.succeed();

    const response = await answer;
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-cortex-model': 'org/model',
      'x-cortex-node': 'beast',
      'x-cortex-cold-start': 'true',
    });
    expect(toObject(await response.json())).toMatchObject(answered);
    expect(await gateway.record()).toMatchObject({ api: 'ollama', outcome: 'ok', node: 'beast' });
    expect(gateway.inFlight).toBe(0);
    expect(neuron.count('/v1/chat/completions')).toBe(0);
  },
);

test('an Ollama client that leaves while its load runs is recorded as such', async () => {
  const { neuron, gateway } = await setUp('unloaded');
  const leaving = new AbortController();
  const request = gateway
    .post('/api/generate', { model: 'fast' }, { signal: leaving.signal })
    .catch(() => 'left');
  await neuron.load();

  leaving.abort();

  expect(await request).toBe('left');
  expect(await gateway.record()).toMatchObject({ outcome: 'client_left', status: 499 });
  expect(gateway.running.control.waiting('org/model')).toBe(0);
  expect(gateway.inFlight).toBe(0);
});

test('an unload of Ollama is answered at once, and nothing is unloaded', async () => {
  const { neuron, gateway } = await setUp();

  const answer = await gateway.post('/api/generate', { model: 'fast', keep_alive: 0 });

  expect(toObject(await answer.json())).toMatchObject({ done: true, done_reason: 'unload' });
  expect(neuron.count('/models/unload')).toBe(0);
});

test.each([
  [
    '/api/embed',
    { input: ['a', 'b'] },
    {
      embeddings: [
        [1, 2],
        [3, 4],
      ],
    },
  ],
  ['/api/embeddings', { prompt: 'a' }, { embedding: [1, 2] }],
] as const)('%s is answered by the embeddings of a node', async (path, members, answered) => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.post(path, { model: 'fast', ...members });
  const exchange = await neuron.exchange();
  exchange.json({
    object: 'list',
    model: 'org/model',
    data: [
      { object: 'embedding', index: 0, embedding: [1, 2] },
      { object: 'embedding', index: 1, embedding: [3, 4] },
    ].slice(0, 'input' in members ? 2 : 1),
    usage: { prompt_tokens: 2, total_tokens: 2 },
  });

  expect(toObject(await (await answer).json())).toMatchObject(answered);
  expect(exchange.path).toBe('/v1/embeddings');
  expect(exchange.model).toBe('org/model');
  expect((await gateway.record())['api']).toBe('ollama');
});

test.each([
  ['a name of more than 512 characters', { model: 'a'.repeat(513) }, 'invalid_request'],
  ['a name that is not text', { name: 1 }, 'invalid_request'],
  ['no name', {}, 'missing_model_field'],
])('/api/show refuses %s', async (_, body, code) => {
  const { gateway } = await setUp();

  const answer = await gateway.post('/api/show', body);

  expect(answer.status).toBe(400);
  expect(toObject(await answer.json())['code']).toBe(code);
  expect((await gateway.record())['code']).toBe(code);
});

test('Ollama routes list, show and name the version, and every answer but the version has a record', async () => {
  const { gateway } = await setUp();

  const tags = toObject(await (await gateway.get('/api/tags')).json());
  const ps = toObject(await (await gateway.get('/api/ps')).json());
  const show = await gateway.post('/api/show', { model: 'org/model:latest' });
  const version = toObject(await (await gateway.get('/api/version')).json());

  const listed = expect.arrayContaining([expect.objectContaining({ name: 'org/model:latest' })]);
  expect(tags).toMatchObject({ models: listed });
  expect(ps).toMatchObject({ models: listed });
  expect(show.status).toBe(200);
  expect(version).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  await gateway.record(3);
  expect(gateway.records.map(({ api }) => api)).toEqual(['ollama', 'ollama', 'ollama']);
});

test('/api/tags and /api/show have the size and the age of a file that is not loaded', async () => {
  const modified = '2026-01-02T03:04:05.678Z';
  const neuron = new FakeNeuron({
    models: [
      { id: 'm', status: 'unloaded', size_bytes: 636_000_000, modified_at: modified },
      { id: 'of an older neuron', status: 'unloaded' },
    ],
  });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(gateway);

  const tags = toObject(await (await gateway.get('/api/tags')).json());
  const show = toObject(await (await gateway.post('/api/show', { model: 'm' })).json());

  expect(tags['models']).toMatchObject([
    { name: 'm:latest', size: 636_000_000, modified_at: modified },
    { name: 'of an older neuron:latest', size: 0 },
  ]);
  expect(show['modified_at']).toBe(modified);
});

test('a load without a prompt that fails is answered in the form of Ollama', async () => {
  const { neuron, gateway } = await setUp('unloaded');

  const answer = gateway.post('/api/chat', { model: 'fast' });
  (await neuron.load()).fail({ status: 500, code: 'model_load_failed', message: 'a broken file' });

  const response = await answer;
  expect(toObject(await response.json())).toMatchObject({
    error: expect.stringContaining('a broken file'),
    code: 'model_load_failed',
  });
  expect(await gateway.record()).toMatchObject({
    api: 'ollama',
    outcome: 'load_failed',
    status: response.status,
  });
  expect(gateway.inFlight).toBe(0);
});

test.each([
  ['/api/embed', { input: 'a' }],
  ['/api/embeddings', { prompt: 'a' }],
])('%s passes the refusal of a node on in the form of Ollama', async (path, members) => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.post(path, { model: 'fast', ...members });
  (await neuron.exchange()).fail({
    status: 503,
    code: 'queue_full',
    message: 'the queue is full',
    retryAfterS: 7,
  });

  const response = await answer;
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('7');
  expect(toObject(await response.json())).toMatchObject({ error: 'the queue is full' });
  expect(await gateway.record()).toMatchObject({ outcome: 'unavailable', code: 'queue_full' });
});
