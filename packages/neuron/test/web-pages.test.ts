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
