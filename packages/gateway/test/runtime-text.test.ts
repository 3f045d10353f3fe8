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

/** Texts in errors of Bun, Node and their libraries. */
const RUNTIME_TEXT =
  /fetch\(|verbose|typo|Unable to connect|socket|ECONN|ENOTFOUND|getaddrinfo|TypeError|undefined|Invalid input|\bat .*:\d+/i;

async function expectOwnWords(response: Response, ...words: readonly string[]): Promise<void> {
  const text = await response.text();
  expect(text).not.toMatch(RUNTIME_TEXT);
  for (const word of words) expect(text).toContain(word);
}

describe('the error message contains no text of the runtime', () => {
  test('when a node dies during a load', async () => {
    const neuron = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    open.push(neuron);
    const gateway = await start(neuron.url, '[queue]\nmax_hold_s = 2\n');

    const answer = gateway.chat({ model: 'm' });
    await neuron.load();
    await neuron.die();

    await expectOwnWords(await answer, 'beast', 'the connection was closed before an answer');
  });

  test('when a node does not exist', async () => {
    const neuron = new FakeNeuron();
    await neuron.close();
    const gateway = await start(neuron.url);

    await expectOwnWords(await gateway.chat({ model: 'm' }), 'the connection was refused');
  });

  test('when the host name of a node cannot be resolved', async () => {
    const gateway = await start('http://no-such-host.invalid:1');

    await expectOwnWords(await gateway.chat({ model: 'm' }), 'host name cannot be resolved');
  });

  test('when a node disconnects before or during its answer', async () => {
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

  test('when a node answers polls in an unknown format', async () => {
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
