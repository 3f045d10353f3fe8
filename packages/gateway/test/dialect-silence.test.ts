import { afterEach, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { TRANSLATED } from './client-dialects.ts';
import { GatewayUnderTest, readParts } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

test('a client gets a sign of life while its node sends nothing that it can use', async () => {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(gateway);

  await Promise.all(
    TRANSLATED.map(async (client, index) => {
      const answer = gateway.post(client.path, client.ask('m', { stream: true }));
      const stream = (await neuron.exchange(index + 1)).stream();
      const comments = setInterval(() => stream.raw(': reading the prompt\n'), 100);
      const parts = readParts(await answer);
      let text = '';
      for await (const part of parts) {
        text += part;
        if (text.includes(client.silence)) break;
      }
      clearInterval(comments);
      expect(text).toContain(client.silence);
    }),
  );
}, 30_000);
