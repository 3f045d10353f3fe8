import { afterEach, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { dataOf, GatewayUnderTest, readParts, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp() {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(gateway);
  return { neuron, gateway };
}

const REFUSAL = {
  status: 400,
  code: 'context_length_exceeded',
  message: 'maximum context length is 8 tokens',
};

test('a streamed request gets the real status if the node answers within a second', async () => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.chat({ model: 'm', stream: true });
  (await neuron.exchange()).fail(REFUSAL);

  expect((await answer).status).toBe(400);
});

test('a streamed request for an unknown model gets 404', async () => {
  const { gateway } = await setUp();

  const response = await gateway.chat({ model: 'nobody-has-it', stream: true });

  expect(response.status).toBe(404);
  expect(toObject(await response.json())['error']).toMatchObject({ code: 'model_not_found' });
});

test('a client of a slow node first gets a comment, then the events', async () => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.chat({ model: 'm', stream: true });
  const exchange = await neuron.exchange();
  const response = await answer;
  const parts = readParts(response);
  expect(response.status).toBe(200);
  expect((await parts.next()).value).toBe(': keep-alive\n');
  expect(response.headers.get('x-cortex-node')).toBe('beast');

  exchange.stream().token('a').finish();
  let text = '';
  for await (const part of parts) text += part;

  expect(dataOf(text).at(-1)).toBe('[DONE]');
  expect(await gateway.record()).toMatchObject({ outcome: 'ok', status: 200 });
});

test.each([
  [7, 7],
  [300, 60],
])(
  'a late refusal becomes an error event with status and retry time, and a clean end',
  async (retryAfterS, retry_after_s) => {
    const { neuron, gateway } = await setUp();

    const answer = gateway.chat({ model: 'm', stream: true });
    const exchange = await neuron.exchange();
    const parts = readParts(await answer);
    await parts.next();
    exchange.fail({ ...REFUSAL, status: 503, code: 'queue_full', retryAfterS });
    let text = '';
    for await (const part of parts) text += part;

    expect(dataOf(text)).toEqual([
      {
        error: {
          message: REFUSAL.message,
          type: 'server_error',
          code: 'queue_full',
          param: null,
          status: 503,
          retry_after_s,
        },
      },
      '[DONE]',
    ]);
    expect(await gateway.record()).toMatchObject({ code: 'queue_full', status: 503 });
  },
);

test('a request that is not streamed gets no byte before the complete answer', async () => {
  const { neuron, gateway } = await setUp();

  const answer = gateway.chat({ model: 'm' });
  const exchange = await neuron.exchange();
  const first = await Promise.race([
    answer,
    new Promise((resolve) => {
      setTimeout(() => resolve('silence'), 1500);
    }),
  ]);
  exchange.json({ ok: true });

  expect(first).toBe('silence');
  expect(await (await answer).json()).toEqual({ ok: true });
});
