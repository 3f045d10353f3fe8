import { afterAll, beforeAll, expect, test } from 'bun:test';

import { type Afterwards, FakeNeuron, untilClosed } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

let neuron: FakeNeuron;
let gateway: GatewayUnderTest;
beforeAll(async () => {
  neuron = new FakeNeuron({
    models: [{ id: 'm' }, { id: 'idle' }],
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

const AFTERWARDS: readonly Afterwards[] = ['nothing', 'incomplete head', 'incomplete body'];
const chat = (body: object) => ({
  method: 'POST' as const,
  path: '/v1/chat/completions',
  body: JSON.stringify({ model: 'm', messages: [], ...body }),
});
const FIRST = {
  'a chat answer': [200, chat({})],
  'a relayed stream': [200, chat({ stream: true })],
  'a stream that its node breaks off at once': [502, chat({ stream: true, user: 'breaks' })],
  'an unknown model': [404, chat({ model: 'nobody' })],
  'an invalid body': [400, { ...chat({}), body: '{"model":' }],
  'a body of 4 MiB': [200, chat({ padding: 'x'.repeat(4 << 20) })],
  'an unknown route': [404, { ...chat({}), path: '/nowhere' }],
  'the health page': [200, { method: 'GET', path: '/health', body: '' }],
} as const;

// In parallel, because the runtime checks for idle connections every four seconds.
test('the gateway closes a connection that sends nothing, half a head or half a body after its first request', async () => {
  const first = {
    ...FIRST,
    'an unload': [
      200,
      {
        method: 'POST',
        path: '/admin/v1/models/unload',
        body: '{"model":"idle"}',
        key: gateway.adminKey,
      },
    ],
  } as const;
  const closed = await Promise.all(
    Object.entries(first).flatMap(([name, [, request]]) =>
      AFTERWARDS.map(async (afterwards) => [
        `${name}, then ${afterwards}`,
        await untilClosed(gateway.url, request, afterwards),
      ]),
    ),
  );

  expect(Object.fromEntries(closed)).toEqual(
    Object.fromEntries(
      Object.entries(first).flatMap(([name, [status]]) =>
        AFTERWARDS.map((afterwards) => [`${name}, then ${afterwards}`, status]),
      ),
    ),
  );
}, 20_000);

test('the admin API answers an unload that takes longer than the idle limit', async () => {
  neuron.hang('/models/unload');
  const before = neuron.count('/models/unload');
  const unload = gateway.admin('/models/unload', { model: 'm' });
  await neuron.call('/models/unload', before + 1);

  // The connection of this request is idle for a shorter time than that of the unload.
  await untilClosed(gateway.url, { method: 'GET', path: '/health', body: '' }, 'nothing');
  neuron.resume();

  expect((await unload).status).toBe(200);
}, 20_000);

test('the stream of events outlives the idle limit', async () => {
  const { body } = await gateway.admin('/events');
  const events = body?.getReader();
  await events?.read();

  // The connection of this request is idle for a shorter time than that of the events.
  await untilClosed(gateway.url, { method: 'GET', path: '/health', body: '' }, 'nothing');
  neuron.setModel({ id: 'new' });
  gateway.running.control.report({ kind: 'transport_failure', node: 'beast', model: 'm' });

  const { value } = (await events?.read()) ?? {};
  expect(new TextDecoder().decode(value)).toContain('"id":"new"');
  await events?.cancel();
}, 20_000);
