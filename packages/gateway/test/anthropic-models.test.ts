/** `GET /v1/models` as the official SDK of Anthropic reads it. */
import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function start(ids: readonly string[] = ['claude-a']) {
  const neuron = new FakeNeuron({ models: ids.map((id) => ({ id })) });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(gateway);
  const client = new Anthropic({ apiKey: 'none', baseURL: gateway.url, maxRetries: 0 });
  return { gateway, client };
}

const refusalOf = async (call: PromiseLike<unknown>): Promise<APIError> => {
  try {
    await call;
  } catch (error) {
    if (error instanceof APIError) return error;
    throw error;
  }
  throw new Error('the call was not refused');
};

describe('the id of a request', () => {
  test('is on the list of models and on each of its entries', async () => {
    const { client } = await start();

    const list = await client.models.list().withResponse();
    const one = await client.models.retrieve('claude-a');

    expect(list.request_id).toStartWith('req_');
    expect(list.response.headers.get('x-request-id')).toBe(list.request_id);
    expect(one._request_id).toStartWith('req_');
  });

  test.each([
    ['get', '/v1/nope', 404],
    ['put', '/v1/messages', 405],
    ['post', '/v1/models', 405],
  ] as const)('is on the refusal of %s %s', async (method, path, status) => {
    const { client } = await start();

    const error = await refusalOf(client[method](path));

    expect(error.status).toBe(status);
    expect(error.requestID).toStartWith('req_');
    expect(error.error).toMatchObject({ request_id: error.requestID });
  });

  test('has only the name x-request-id for clients of OpenAI', async () => {
    const { gateway } = await start();

    const answers = [await gateway.get('/v1/models'), await gateway.get('/v1/nope')];

    for (const { headers } of answers) {
      expect(headers.get('x-request-id')).toStartWith('req_');
      expect(headers.get('request-id')).toBeNull();
    }
  });
});
