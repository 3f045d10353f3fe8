import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

type Setup = Parameters<typeof GatewayUnderTest.start>[0];

async function setUp(setup: Setup = {}) {
  const neuron = new FakeNeuron({ models: [{ id: 'org/model' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, ...setup });
  open.push(gateway);
  return { neuron, gateway };
}

const jsonOf = async (response: Promise<Response>) => toObject(await (await response).json());
const errorOf = async (response: Response) => toObject(toObject(await response.json())['error']);
const idsOf = (list: unknown): unknown[] =>
  Array.isArray(list) ? list.map((entry) => toObject(entry)['id']) : [];

describe('/v1/models', () => {
  test('lists models of nodes and catalogue and listed aliases, sorted by id', async () => {
    const { gateway } = await setUp({
      modelsToml:
        '[[models]]\nid = "a/catalogued"\n[aliases]\n"z-listed" = { model = "org/model", listed = true }\n"hidden" = "org/model"\n"claude-*" = "org/model"\n',
    });

    const list = await jsonOf(gateway.get('/v1/models'));

    expect(list['object']).toBe('list');
    expect(idsOf(list['data'])).toEqual(['a/catalogued', 'org/model', 'z-listed']);
    expect(Array.isArray(list['data']) && list['data'][1]).toMatchObject({
      object: 'model',
      owned_by: 'cortex',
      loaded: true,
      status: { value: 'loaded' },
      locations: [{ node: 'beast', status: 'loaded' }],
      aliases: ['hidden', 'z-listed'],
    });
  });

  for (const path of ['/v1/models/org/model', '/v1/models/org%2Fmodel']) {
    test(`returns one model: ${path}`, async () => {
      const { gateway } = await setUp();

      expect(await jsonOf(gateway.get(path))).toMatchObject({ id: 'org/model', loaded: true });
    });
  }

  test('answers 404 for an unknown model in the dialect of the client', async () => {
    const { gateway } = await setUp();

    const openAi = await gateway.get('/v1/models/nope');
    const anthropic = await gateway.get('/v1/models/nope', {
      headers: { 'anthropic-version': '2023-06-01' },
    });

    expect(openAi.status).toBe(404);
    expect(await errorOf(openAi)).toMatchObject({ code: 'model_not_found' });
    expect(toObject(await anthropic.json())).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error' },
    });
  });

  test('starts with the old example catalogue, and the error says why no node can serve its model', async () => {
    const { gateway } = await setUp({
      modelsToml: await Bun.file(
        `${import.meta.dir}/../../../test/fixtures/first-design/models.toml`,
      ).text(),
    });

    const model = await jsonOf(gateway.get('/v1/models/Qwen/Qwen3-VL-8B'));

    expect(model).toMatchObject({ loaded: false, locations: [], feasible_on: [] });
    expect(model['reason']).toContain('has no harness "mistralrs"');
  });
});

describe('routes', () => {
  test('GET / lists the addresses of cortex, and HEAD / answers 200', async () => {
    const { gateway } = await setUp();

    const page = await (await gateway.get('/')).text();
    const head = await gateway.get('/', { method: 'HEAD' });

    expect(page).toContain(`${gateway.url}/v1`);
    expect(page).toContain(`${gateway.running.metricsUrl}/metrics`);
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
  });

  test('GET /health counts nodes and names models that cannot serve', async () => {
    const { gateway, neuron } = await setUp({ toml: '[control]\npoll_interval_s = 0.05\n' });
    expect(await jsonOf(gateway.get('/health'))).toEqual({
      status: 'ok',
      nodes: { healthy: 1, total: 1 },
    });

    neuron.setModel({ id: 'org/model', servable: { ok: false, reason: 'no memory' } });
    await gateway.untilKnown(
      ({ replicasByModel }) => replicasByModel.get('org/model')?.[0]?.isServable === false,
    );

    expect(await jsonOf(gateway.get('/health'))).toMatchObject({
      status: 'impaired',
      unservable: [{ node: 'beast', model: 'org/model', reason: 'no memory' }],
    });
  });

  const wrong = [
    ['GET', '/v1/nope', 404, null],
    ['GET', '/v1/chat/completions', 405, 'POST'],
    ['DELETE', '/v1/models', 405, 'GET, HEAD'],
    ['POST', '/health', 405, 'GET, HEAD'],
    ['GET', '/admin/v1/models/load', 405, 'POST'],
    ['POST', '/admin/v1/events', 405, 'GET, HEAD'],
    ['PUT', '/admin/v1/models/pull', 405, 'GET, HEAD, POST'],
    ['GET', '/admin/v1/nodes/beast/drain', 405, 'POST'],
  ] as const;
  for (const [method, path, status, allow] of wrong) {
    test(`${method} ${path} is answered with ${status} in the error envelope`, async () => {
      const { gateway } = await setUp();

      const response = await gateway.get(path, { method });

      expect(response.status).toBe(status);
      expect(response.headers.get('allow')).toBe(allow);
      expect(response.headers.get('x-request-id')).toStartWith('req_');
      expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error' });
    });
  }

  test('the request id of the client is kept if it is safe to log', async () => {
    const { gateway } = await setUp();

    const kept = await gateway.chat('{', { headers: { 'x-request-id': 'a.b:c-1' } });
    const replaced = await gateway.chat('{', { headers: { 'x-request-id': 'a b' } });

    expect(kept.headers.get('x-request-id')).toBe('a.b:c-1');
    expect(replaced.headers.get('x-request-id')).toMatch(/^req_[A-Za-z0-9]{24}$/);
  });

  test('the error for an unknown model suggests a similar name', async () => {
    const { gateway } = await setUp();

    const response = await gateway.chat({ model: 'org/modle' });

    expect(response.status).toBe(404);
    expect((await errorOf(response))['message']).toContain('org/model');
    expect(await gateway.record()).toMatchObject({
      model: 'unknown',
      model_asked: 'org/modle',
      node: 'none',
      outcome: 'not_found',
      code: 'model_not_found',
    });
  });
});
