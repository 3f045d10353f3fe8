import { afterEach, describe, expect, test } from 'bun:test';
import { AdminModels, AdminNodes } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import { createAdminAccess } from '../src/admin/admin-access.ts';
import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp() {
  const neuron = new FakeNeuron({ models: [{ id: 'org/model', status: 'unloaded' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(gateway);
  return { neuron, gateway };
}

const codeOf = async (response: Response) =>
  toObject(toObject(await response.json())['error'])['code'];

/** What the rule says of a call: allowed, or the code of its refusal. */
const check = (headers: Record<string, string>, peer = '127.0.0.1', key?: string): string => {
  const request = new Request('http://127.0.0.1:31313/admin/v1/nodes', {
    headers: { host: '127.0.0.1:31313', ...headers },
  });
  try {
    createAdminAccess(key)(request, peer);
    return 'allowed';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unexpected';
  }
};

describe('who may manage', () => {
  test('is whoever calls from this machine', () => {
    expect(check({})).toBe('allowed');
    expect(check({ host: 'localhost' }, '::1')).toBe('allowed');
    expect(check({ origin: 'http://127.0.0.1:31313' })).toBe('allowed');
  });

  const others: readonly (readonly [string, Record<string, string>, string])[] = [
    ['another machine', {}, '192.168.1.7'],
    ['a reverse proxy on this machine', { 'x-forwarded-for': '192.168.1.7' }, '127.0.0.1'],
    ['a reverse proxy of the newer kind', { forwarded: 'for=192.168.1.7' }, '127.0.0.1'],
    ['a name that was rebound to this machine', { host: 'evil.example' }, '127.0.0.1'],
    ['a web page in a browser here', { origin: 'https://evil.example' }, '127.0.0.1'],
    ['a page without an origin', { origin: 'null' }, '127.0.0.1'],
  ];
  for (const [who, headers, peer] of others) {
    test(`is not ${who}, unless it has the admin key`, () => {
      expect(check(headers, peer)).toBe('forbidden');
      expect(check({ ...headers, authorization: 'Bearer right' }, peer, 'right')).toBe('allowed');
      expect(check({ ...headers, 'x-api-key': 'right' }, peer, 'right')).toBe('allowed');
      expect(check({ ...headers, authorization: 'Bearer wrong' }, peer, 'right')).toBe(
        'invalid_api_key',
      );
    });
  }

  test('a placeholder key does not lock out this machine', () => {
    expect(check({ authorization: 'Bearer sk-none' })).toBe('allowed');
    expect(check({ authorization: 'Bearer sk-none' }, '127.0.0.1', 'right')).toBe('allowed');
  });

  test('a form of a page cannot manage: POST wants JSON', async () => {
    const { gateway } = await setUp();

    const response = await gateway.post('/admin/v1/models/load', '{"model":"org/model"}', {
      headers: { 'content-type': 'text/plain' },
    });

    expect(response.status).toBe(415);
    expect(await codeOf(response)).toBe('unsupported_media_type');
  });
});

describe('managing', () => {
  test('nodes and models are shown as the protocol says', async () => {
    const { gateway } = await setUp();

    const { nodes } = AdminNodes.parse(await (await gateway.get('/admin/v1/nodes')).json());
    const { models } = AdminModels.parse(await (await gateway.get('/admin/v1/models')).json());

    expect(nodes).toMatchObject([{ name: 'beast', state: 'up', in_flight: 0 }]);
    expect(models).toMatchObject([{ id: 'org/model', replicas: [{ node: 'beast' }] }]);
  });

  test('a model is loaded and unloaded by name', async () => {
    const { gateway, neuron } = await setUp();

    const loading = await gateway.post('/admin/v1/models/load', { model: 'org/model' });
    (await neuron.load()).succeed();
    const unloaded = await gateway.post('/admin/v1/models/unload', {
      model: 'org/model',
      node: 'beast',
      force: true,
    });

    expect(toObject(await loading.json())).toMatchObject({ model: 'org/model', node: 'beast' });
    expect(unloaded.status).toBe(200);
    expect(toObject(await unloaded.json())).toEqual({
      results: [{ model: 'org/model', node: 'beast', status: 'unloaded' }],
    });
  });

  for (const [body, code] of [
    ['{', 'malformed_json'],
    ['{}', 'invalid_request'],
    ['{"model":"m","nod":"x"}', 'invalid_request'],
  ] as const) {
    test(`a call that is wrong is told so: ${body}`, async () => {
      const { gateway } = await setUp();

      expect(await codeOf(await gateway.post('/admin/v1/models/load', body))).toBe(code);
    });
  }
});
