/** The rules of `service` for web pages, applied to the gateway. */
import { afterEach, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

const origin = 'https://chat.example';

async function setUp(gatewayToml = `cors_origins = ["${origin}"]`) {
  const neuron = new FakeNeuron({ models: [{ id: 'org/model' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, gatewayToml });
  open.push(gateway);
  return { neuron, gateway };
}

test('a page of cors_origins can call the client API, with and without /v1, but not the admin API', async () => {
  const { gateway } = await setUp();
  const headers = { origin };
  const withKey = { ...headers, authorization: `Bearer ${gateway.adminKey}` };

  const listed = await gateway.get('/v1/models', { headers });
  const without = await gateway.get('/models', { headers });
  const admin = await gateway.get('/admin/v1/nodes', { headers: withKey });

  expect([listed.status, without.status, admin.status]).toEqual([200, 200, 403]);
  expect(listed.headers.get('access-control-allow-origin')).toBe(origin);
  expect(admin.headers.has('access-control-allow-origin')).toBe(false);
});

test('a page of cors_origins can read a stream and an error, and its origin is not sent to nodes', async () => {
  const { gateway, neuron } = await setUp();

  const answer = gateway.chat({ model: 'org/model', stream: true }, { headers: { origin } });
  const exchange = await neuron.exchange();
  exchange.stream().token('a').finish();
  const stream = await answer;
  const error = await gateway.chat('{', { headers: { origin } });

  expect(stream.headers.get('access-control-allow-origin')).toBe(origin);
  expect(await stream.text()).toEndWith('data: [DONE]\n\n');
  expect(error.headers.get('access-control-allow-origin')).toBe(origin);
  expect(exchange.headers.has('origin')).toBe(false);
});

test('a page of another origin cannot run a model, and is refused in the dialect of its client', async () => {
  const { gateway, neuron } = await setUp('');
  const foreign = 'http://evil.example';

  const plain = await gateway.chat('{"model":"org/model"}', {
    headers: { origin: foreign, 'content-type': 'text/plain' },
  });
  const anthropic = await gateway.get('/v1/models', {
    headers: { origin: foreign, 'anthropic-version': '2023-06-01' },
  });

  expect([plain.status, anthropic.status]).toEqual([403, 403]);
  expect(await anthropic.json()).toMatchObject({
    type: 'error',
    error: { type: 'permission_error' },
  });
  expect(neuron.count('/v1/chat/completions')).toBe(0);
});

test('a page of another origin cannot read the metrics', async () => {
  const { gateway } = await setUp();

  const answer = await fetch(`${gateway.running.metricsUrl}/metrics`, { headers: { origin } });

  expect(answer.status).toBe(403);
});

test('cors_origins = ["*"] lets every page call the client API, with a warning at the start', async () => {
  const { gateway } = await setUp('cors_origins = ["*"]');

  const answer = await gateway.get('/v1/models', { headers: { origin: 'null' } });

  expect(answer.headers.get('access-control-allow-origin')).toBe('null');
  expect(gateway.lines.map(({ msg }) => msg)).toContain(
    'gateway.cors_origins has "*": any web page may call this server',
  );
});
