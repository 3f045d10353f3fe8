import { afterAll, beforeAll, expect, test } from 'bun:test';

import { type Afterwards, FakeNeuron, untilClosed } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

let neuron: FakeNeuron;
let gateway: GatewayUnderTest;
beforeAll(async () => {
  neuron = new FakeNeuron({
    models: [{ id: 'm' }],
    answer(exchange) {
      const body = new TextDecoder().decode(exchange.bytes);
      if (!body.includes('"stream":true')) return exchange.json({ choices: [] });
      exchange.stream().token('a');
      return body.includes('breaks') ? exchange.breakOff() : exchange.finish();
    },
  });
  gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, idleLimitS: 1 });
});
afterAll(async () => {
  await gateway.close();
  await neuron.close();
});

const AFTERWARDS: readonly Afterwards[] = ['nothing', 'half a head', 'half a body'];
const chat = (body: object) => ({
  method: 'POST' as const,
  path: '/v1/chat/completions',
  body: JSON.stringify({ model: 'm', messages: [], ...body }),
});
const FIRST = {
  'a chat answer': [200, chat({})],
  'a stream': [200, chat({ stream: true })],
  'a stream that its node breaks off at once': [502, chat({ stream: true, user: 'breaks' })],
  'an unknown model': [404, chat({ model: 'nobody' })],
  'an invalid body': [400, { ...chat({}), body: '{"model":' }],
  'a body of 4 MiB': [200, chat({ padding: 'x'.repeat(4 << 20) })],
  'an unknown route': [404, { ...chat({}), path: '/nowhere' }],
  'the health page': [200, { method: 'GET', path: '/health', body: '' }],
} as const;

// All at once: the runtime looks for idle connections every four seconds.
test('the gateway closes a connection that sends nothing, half a head or half a body after its first request', async () => {
  const closed = await Promise.all(
    Object.entries(FIRST).flatMap(([name, [, first]]) =>
      AFTERWARDS.map(async (afterwards) => [
        `${name}, then ${afterwards}`,
        await untilClosed(gateway.url, first, afterwards),
      ]),
    ),
  );

  expect(Object.fromEntries(closed)).toEqual(
    Object.fromEntries(
      Object.entries(FIRST).flatMap(([name, [status]]) =>
        AFTERWARDS.map((afterwards) => [`${name}, then ${afterwards}`, status]),
      ),
    ),
  );
}, 20_000);
