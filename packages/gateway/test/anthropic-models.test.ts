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
    expect(list.response.headers.get('x-request-id')).toBe(list.request_id ?? null);
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

describe('pages of the list of models', () => {
  const IDS = ['claude-a', 'claude-b', 'claude-c', 'claude-d', 'claude-e'];

  test('without a limit there is one page with all models, also above the default of Anthropic', async () => {
    const many = Array.from({ length: 25 }, (_, at) => `claude-${at + 10}`);
    const { client } = await start(many);

    const page = await client.models.list();

    expect(page.data.map(({ id }) => id)).toEqual(many);
    expect(page).toMatchObject({
      has_more: false,
      first_id: 'claude-10',
      last_id: 'claude-34',
    });
  });

  test.each([1, 2, 5, 1000])('the SDK reads all models with a limit of %d', async (limit) => {
    const { client } = await start(IDS);

    const pages: string[][] = [];
    for await (const page of (await client.models.list({ limit })).iterPages())
      pages.push(page.data.map(({ id }) => id));

    expect(pages.flat()).toEqual(IDS);
    expect(pages.map(({ length }) => length).every((length) => length <= limit)).toBe(true);
    expect(pages).toHaveLength(Math.ceil(IDS.length / limit));
  });

  test('the SDK reads backwards from before_id', async () => {
    const { client } = await start(IDS);

    const pages: string[][] = [];
    const first = await client.models.list({ limit: 2, before_id: 'claude-d' });
    for await (const page of first.iterPages()) pages.push(page.data.map(({ id }) => id));

    expect(pages).toEqual([['claude-b', 'claude-c'], ['claude-a']]);
    expect(first).toMatchObject({ has_more: true, first_id: 'claude-b', last_id: 'claude-c' });
  });

  test('the page after the last model is empty', async () => {
    const { client } = await start(IDS);

    const page = await client.models.list({ after_id: 'claude-e' });

    expect(page).toMatchObject({ data: [], has_more: false, first_id: null, last_id: null });
  });

  test.each([
    [{ limit: 0 }, '"limit" must be a whole number from 1 to 1000.'],
    [{ limit: 1001 }, '"limit" must be a whole number from 1 to 1000.'],
    [{ limit: 1.5 }, '"limit" must be a whole number from 1 to 1000.'],
    [{ after_id: 'gone' }, '"after_id": no model of this list has the id "gone".'],
    [{ before_id: 'gone' }, '"before_id": no model of this list has the id "gone".'],
    [{ after_id: 'claude-a', before_id: 'claude-c' }, 'Use "after_id" or "before_id", not both.'],
  ])('refuses %j', async (query, message) => {
    const { client } = await start(IDS);

    const error = await refusalOf(client.models.list(query));

    expect(error.status).toBe(400);
    expect(error.error).toMatchObject({ error: { type: 'invalid_request_error', message } });
  });
});
