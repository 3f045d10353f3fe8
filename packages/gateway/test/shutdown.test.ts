import { afterEach, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { dataOf, GatewayUnderTest, readParts, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp(slots = 4) {
  const neuron = new FakeNeuron({
    models: [{ id: 'm', load: { max_in_flight: slots, max_queue_depth: 0 } }],
  });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(gateway);
  return { neuron, gateway };
}

test('a shutdown refuses new requests and waits for running ones', async () => {
  const { neuron, gateway } = await setUp();
  const streamed = gateway.chat({ model: 'm', stream: true });
  const exchange = await neuron.exchange();
  exchange.stream().token('a');
  const parts = readParts(await streamed);
  await parts.next();

  const closing = gateway.running.close(10_000);
  const refused = await gateway.chat({ model: 'm' });
  exchange.token('b').finish();
  let text = '';
  for await (const part of parts) text += part;
  await closing;

  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(toObject(await refused.json())['error']).toMatchObject({ code: 'shutting_down' });
  expect(text).toContain('"b"');
  expect(text).toEndWith('data: [DONE]\n\n');
  const after = await gateway.get('/health').catch(() => 'refused');
  expect(after).toBe('refused');
});

test('a stream that outlasts the grace period ends with an error event and is cancelled on its node', async () => {
  const { neuron, gateway } = await setUp();
  const streamed = gateway.chat({ model: 'm', stream: true });
  const exchange = await neuron.exchange();
  exchange.stream().token('a');
  const parts = readParts(await streamed);
  let text = (await parts.next()).value ?? '';

  const closing = gateway.running.close(100);
  for await (const part of parts) text += part;
  await closing;

  await exchange.left;
  const events = dataOf(text);
  expect(events.at(-1)).toBe('[DONE]');
  expect(toObject(events.at(-2))['error']).toMatchObject({
    code: 'shutting_down',
    retry_after_s: 5,
  });
});

test('a shutdown rejects a request that waits for a slot at once', async () => {
  const { neuron, gateway } = await setUp(1);
  const first = gateway.chat({ model: 'm' });
  const running = await neuron.exchange();
  const second = gateway.chat({ model: 'm' });
  while (gateway.running.control.waiting('m') === 0) await Bun.sleep(1);

  const closing = gateway.running.close(10_000);
  const refused = await second;
  running.json({ ok: true });

  expect(refused.status).toBe(503);
  expect((await first).status).toBe(200);
  await closing;
});

test('a restarted gateway learns the state of the fleet from its neurons, including busy models', async () => {
  const { neuron, gateway } = await setUp(1);
  const streamed = gateway.chat({ model: 'm', stream: true });
  (await neuron.exchange()).stream().token('a');
  await streamed;

  const other = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(other);

  const replica = other.running.control.snapshot().replicasByModel.get('m')?.[0];
  expect(replica).toMatchObject({ status: 'loaded', isReady: true, load: { inFlight: 1 } });
});
