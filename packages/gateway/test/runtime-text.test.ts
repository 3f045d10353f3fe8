import { afterEach, describe, expect, test } from 'bun:test';

import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';
import { RawNode } from './raw-node.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function start(url: string, toml = ''): Promise<GatewayUnderTest> {
  const gateway = await GatewayUnderTest.start({ neurons: { beast: { url } }, toml });
  open.push(gateway);
  return gateway;
}

/** What Bun, Node and their libraries write into their own errors. */
const RUNTIME_TEXT =
  /fetch\(|verbose|typo|Unable to connect|socket|ECONN|ENOTFOUND|getaddrinfo|TypeError|undefined|Invalid input|\bat .*:\d+/i;

async function expectOwnWords(response: Response, ...words: readonly string[]): Promise<void> {
  const text = await response.text();
  expect(text).not.toMatch(RUNTIME_TEXT);
  for (const word of words) expect(text).toContain(word);
}

describe('a client is told in words of our own', () => {
  test('why a load failed whose node died', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    open.push(neuron);
    const gateway = await start(neuron.url, '[queue]\nmax_hold_s = 2\n');

    const answer = gateway.chat({ model: 'm' });
    await neuron.load();
    await neuron.die();

    await expectOwnWords(await answer, 'beast', 'the connection was closed before an answer');
  });

  test('why a node that is not there cannot be reached', async () => {
    const neuron = new FakeNeuron();
    await neuron.close();
    const gateway = await start(neuron.url);

    await expectOwnWords(await gateway.chat({ model: 'm' }), 'the connection was refused');
  });

  test('that the host name of a node cannot be resolved', async () => {
    const gateway = await start('http://no-such-host.invalid:1');

    await expectOwnWords(await gateway.chat({ model: 'm' }), 'host name cannot be resolved');
  });

  test('that a node breaks off before and in the middle of its answer', async () => {
    const answers = [undefined, 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'];
    for (const answer of answers) {
      const node = new RawNode(({ socket }) => {
        setImmediate(() => socket.end());
        return answer;
      });
      open.push(node);
      const gateway = await start(node.url);

      await expectOwnWords(await gateway.chat({ model: 'm' }), 'beast');
    }
  });

  test('that a node answers its polls in a form that is not understood', async () => {
    const neuron = new FakeNeuron();
    open.push(neuron);
    const models = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: ({ url }) =>
        url.endsWith('/models')
          ? Response.json([{ id: 7 }])
          : fetch(neuron.url + new URL(url).pathname),
    });
    open.push({ close: () => models.stop(true) });
    const gateway = await start(`http://127.0.0.1:${models.port}`);

    await expectOwnWords(await gateway.chat({ model: 'm' }), 'does not understand (field 0.id)');
  });
});
