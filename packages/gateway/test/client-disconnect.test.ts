import { afterEach, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';

import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest, readParts } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp(slots = 4, toml = '') {
  const neuron = new FakeNeuron({
    models: [{ id: 'm', load: { max_in_flight: slots, max_queue_depth: 0 } }],
  });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, toml });
  open.push(gateway);
  return { neuron, gateway };
}

/** Expects that no state of the request is left. */
async function expectNothingLeft(gateway: GatewayUnderTest, nth = 1): Promise<void> {
  expect(await gateway.record(nth)).toMatchObject({
    outcome: 'client_left',
    status: 499,
    code: 'client_closed_request',
  });
  expect(gateway.inFlight).toBe(0);
  expect(gateway.running.control.waiting('m')).toBe(0);
  expect(await gateway.metrics()).toContain('cortex_model_in_flight{model="m",node="beast"} 0');
}

const settle = (request: Promise<unknown>): Promise<unknown> => request.catch(() => 'left');

describe('a client that disconnects', () => {
  test('during the upload of its body leaves no state, and no node gets the request', async () => {
    const { neuron, gateway } = await setUp();
    const { hostname, port } = new URL(gateway.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"model":"m"',
    );
    await new Promise((resolve) => {
      socket.once('connect', resolve);
    });
    // A later request has been answered on the same event loop, so the first one has started.
    await gateway.get('/health');

    socket.destroy();

    expect(await gateway.record()).toMatchObject({ outcome: 'client_left', attempts: 0 });
    expect(gateway.inFlight).toBe(0);
    expect(neuron.count('/v1/chat/completions')).toBe(0);
  });

  test('while it waits for a slot frees its place in the queue', async () => {
    const { neuron, gateway } = await setUp(1);
    const first = gateway.chat({ model: 'm' });
    const running = await neuron.exchange();
    const leaving = new AbortController();
    const second = settle(gateway.chat({ model: 'm' }, { signal: leaving.signal }));
    await waitUntil(() => gateway.running.control.waiting('m') === 1);

    leaving.abort();

    expect(await gateway.record()).toMatchObject({ outcome: 'client_left', node: 'none' });
    expect(gateway.running.control.waiting('m')).toBe(0);
    running.json({ ok: true });
    await first;
    await second;
    expect(gateway.inFlight).toBe(0);
    expect(neuron.count('/v1/chat/completions')).toBe(1);
  });

  for (const stream of [true, false]) {
    test(`before the node has answered cancels the work of the node (${stream ? 'streamed' : 'not streamed'})`, async () => {
      const { neuron, gateway } = await setUp();
      const leaving = new AbortController();
      const request = settle(gateway.chat({ model: 'm', stream }, { signal: leaving.signal }));
      const exchange = await neuron.exchange();

      leaving.abort();

      await exchange.left;
      await request;
      await expectNothingLeft(gateway);
    });
  }

  test('after the status was sent but before the node has answered cancels the work of the node', async () => {
    const { neuron, gateway } = await setUp();
    const leaving = new AbortController();
    const response = await gateway.chat({ model: 'm', stream: true }, { signal: leaving.signal });
    const parts = readParts(response);
    expect((await parts.next()).value).toBe(': keep-alive\n');
    const exchange = await neuron.exchange();

    leaving.abort();

    await exchange.left;
    await expectNothingLeft(gateway);
  });

  test('between two tokens cancels the work, and the record counts the tokens that were sent', async () => {
    const { neuron, gateway } = await setUp();
    const leaving = new AbortController();
    const response = gateway.chat({ model: 'm', stream: true }, { signal: leaving.signal });
    const exchange = await neuron.exchange();
    exchange.stream().token('a').token('b').token('c');
    const parts = readParts(await response);
    let text = '';
    while (!text.includes('"c"')) text += (await parts.next()).value ?? '';

    leaving.abort();

    await exchange.left;
    await expectNothingLeft(gateway);
    expect(await gateway.record()).toMatchObject({
      prompt_tokens: 5,
      completion_tokens: 3,
      estimated: true,
    });
  });

  test('as one of many leaves no state, and the gateway keeps serving', async () => {
    const { neuron, gateway } = await setUp(200);
    const leaving = new AbortController();
    const requests = Array.from({ length: 100 }, () =>
      settle(
        gateway
          .chat({ model: 'm', stream: true }, { signal: leaving.signal })
          .then((response) => response.text()),
      ),
    );
    const exchanges = await Promise.all(requests.map((_, index) => neuron.exchange(index + 1)));
    for (const exchange of exchanges) exchange.stream().token('a');
    await waitUntil(() => gateway.inFlight === 100);

    leaving.abort();

    await Promise.all(exchanges.map(({ left }) => left));
    await expectNothingLeft(gateway, 100);
    await Promise.all(requests);
    const after = gateway.chat({ model: 'm' });
    (await neuron.exchange(101)).json({ ok: true });
    expect((await after).status).toBe(200);
  });
});

/** Resolves when `holds`, checked after every turn of the event loop. */
async function waitUntil(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
