import { afterEach, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

/** A gateway whose only node disconnects during every answer. */
async function start(logLevel: string): Promise<GatewayUnderTest> {
  const neuron = new FakeNeuron({
    models: [{ id: 'm' }],
    answer: (exchange) => exchange.stream().breakOff(),
  });
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, logLevel });
  open.push(neuron, gateway);
  return gateway;
}

test.each(['info', 'warn', 'error', 'fatal'])(
  'a request that ends with 502 leaves its record at log level %s',
  async (level) => {
    const gateway = await start(level);

    const response = await gateway.chat({ model: 'm' });

    expect(response.status).toBe(502);
    expect(await gateway.record()).toMatchObject({ status: 502, outcome: 'upstream_error' });
  },
);

test('log level error drops events below it and keeps the record of a successful request', async () => {
  const neuron = new FakeNeuron({
    models: [{ id: 'm' }],
    answer: (exchange) => exchange.json({ choices: [] }),
  });
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, logLevel: 'error' });
  open.push(neuron, gateway);

  await gateway.chat({ model: 'm' });

  expect(await gateway.record()).toMatchObject({ status: 200 });
  expect(gateway.lines).toEqual([...gateway.records]);
});

test('log level silent writes no records', async () => {
  const gateway = await start('silent');

  await gateway.chat({ model: 'm' });
  // The record of another request would follow it.
  await gateway.chat({ model: 'm' });
  await gateway.running.close(0);

  expect(gateway.lines).toEqual([]);
});
