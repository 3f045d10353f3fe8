/** Clients of every dialect that disconnect. */
import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { byPath, CLIENTS, streamedText } from './client-dialects.ts';
import { GatewayUnderTest, readParts } from './gateway-under-test.ts';

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

describe('a client that disconnects frees its slot', () => {
  const LEFT = { outcome: 'client_left', status: 499, code: 'client_closed_request' };

  for (const stream of [true, false])
    test.each(byPath(CLIENTS))(
      `%s before the node has answered (stream: ${stream})`,
      async (_, client) => {
        const { neuron, gateway } = await setUp();
        const leaving = new AbortController();
        const request = gateway
          .post(client.path, client.ask('m', { stream }), { signal: leaving.signal })
          .catch(() => 'left');
        const exchange = await neuron.exchange();

        leaving.abort();

        await exchange.left;
        await request;
        expect(await gateway.record()).toMatchObject({ api: client.api, ...LEFT });
        expect(gateway.inFlight).toBe(0);
      },
    );

  test.each(byPath(CLIENTS))('%s between two tokens', async (_, client) => {
    const { neuron, gateway } = await setUp();
    const leaving = new AbortController();
    const answer = gateway.post(client.path, client.ask('m', { stream: true }), {
      signal: leaving.signal,
    });
    const exchange = await neuron.exchange();
    exchange.stream().token('a').token('b');
    const parts = readParts(await answer);
    let text = '';
    while (streamedText(client, text) !== 'ab') text += (await parts.next()).value ?? '';

    leaving.abort();

    await exchange.left;
    expect(await gateway.record()).toMatchObject({ ...LEFT, completion_tokens: 2 });
    expect(gateway.inFlight).toBe(0);
  });

  test.each(byPath(CLIENTS))(
    '%s after the commit, before the node has answered',
    async (_, client) => {
      const { neuron, gateway } = await setUp();
      const leaving = new AbortController();
      const response = await gateway.post(client.path, client.ask('m', { stream: true }), {
        signal: leaving.signal,
      });
      await readParts(response).next();
      const exchange = await neuron.exchange();

      leaving.abort();

      await exchange.left;
      expect(await gateway.record()).toMatchObject(LEFT);
      expect(gateway.inFlight).toBe(0);
    },
  );
});
