/** Web pages at a node: what the rules of `service` open here. */
import { expect, test } from 'bun:test';

import { scriptedEngine, TestNeuron } from './test-neuron.ts';

const parts = { startEngine: scriptedEngine() };

test('a page of another origin can neither unload nor run a model of a node without a token', async () => {
  await using neuron = await TestNeuron.start({ parts });
  await neuron.load();
  const headers = { origin: 'http://evil.example', 'content-type': 'text/plain' };

  const unloaded = await neuron.post('/models/unload', { model_id: 'tiny' }, { headers });
  const asked = await neuron.chat({}, { headers });
  const rebound = await neuron.get('/models', {
    headers: { origin: 'http://evil.example:13131', host: 'evil.example:13131' },
  });

  expect([unloaded.status, asked.status, rebound.status]).toEqual([403, 403, 403]);
  expect((await neuron.model()).status).toBe('loaded');
});

test('a page of security.cors_origins may use the models of a node, but change nothing', async () => {
  const origin = 'https://chat.example';
  await using neuron = await TestNeuron.start({
    parts,
    flags: { 'security.cors_origins': [origin] },
  });
  await neuron.load();
  const headers = { origin };

  const asked = await neuron.chat({}, { headers });
  const read = await neuron.get('/models', { headers });
  const unloaded = await neuron.post('/models/unload', { model_id: 'tiny' }, { headers });

  expect([asked.status, read.status, unloaded.status]).toEqual([200, 200, 403]);
});

test('a page of the same origin as the node may change it', async () => {
  await using neuron = await TestNeuron.start({ parts });
  await neuron.load();

  const answer = await neuron.post(
    '/models/unload',
    { model_id: 'tiny' },
    { headers: { origin: neuron.url } },
  );

  expect(answer.status).toBe(200);
});

test('a request without an Origin is served at a node, whatever its Host and however its path is written', async () => {
  await using neuron = await TestNeuron.start({ parts });

  const answers = await Promise.all([
    neuron.get('//models/', { headers: { host: 'any.example' } }),
    neuron.get('/health/'),
  ]);

  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});

/** Every route of a node. */
const ROUTES = `/version /discovery /metrics /models /models/tiny/endpoint /models/tiny/logs
  /models/tiny/capabilities /events /nowhere`
  .split(/\s+/)
  .map((path) => ['GET', path] as const);
const CALLS = `/models/load /models/unload /models/rescan /models/tiny/estimate /models/pull /drain
  /models/tiny/pin /v1/chat/completions /v1/completions /v1/embeddings /v1/rerank
  /tokenize /detokenize /apply-template /count-tokens`
  .split(/\s+/)
  .map((path) => ['POST', path] as const);

test('a foreign page and a name that is not its own are refused with 403 on every route but GET /health, preflights too', async () => {
  await using neuron = await TestNeuron.start({ parts });
  const foreign = { origin: 'https://evil.example', 'content-type': 'application/json' };
  const rebound = { ...foreign, origin: 'http://evil.example', host: 'evil.example' };
  const preflight = (method: string) => ({
    method: 'OPTIONS',
    headers: { ...foreign, 'access-control-request-method': method },
  });

  const answers = await Promise.all(
    [...ROUTES, ...CALLS].flatMap(([method, path]) => {
      const body = method === 'POST' ? { body: '{}' } : {};
      return [
        { method, headers: foreign, ...body },
        { method, headers: rebound, ...body },
        preflight(method),
      ].map(async (init) => [path, (await fetch(neuron.url + path, init)).status] as const);
    }),
  );
  const health = await neuron.get('/health', { headers: foreign });

  expect(answers.filter(([, status]) => status !== 403)).toEqual([]);
  expect(health.status).toBe(200);
  expect(health.headers.get('access-control-allow-origin')).toBeNull();
});

test('a Host that is not valid is refused with 400 on every route', async () => {
  await using neuron = await TestNeuron.start({ parts });

  const answers = await Promise.all(
    ROUTES.map(async ([, path]) => {
      const headers = { host: 'not a host' };
      return [path, (await neuron.get(path, { headers })).status] as const;
    }),
  );

  expect(answers.filter(([, status]) => status !== 400)).toEqual([]);
});
