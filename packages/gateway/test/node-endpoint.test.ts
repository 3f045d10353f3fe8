import { afterEach, describe, expect, test } from 'bun:test';

import { createSelfSigned, FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const TOKEN_FILE = `${import.meta.dir}/__fixtures__/node-token`;
const TLS = createSelfSigned('beast.internal');

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

type NeuronOptions = ConstructorParameters<typeof FakeNeuron>[0];

function createNeuron(options: NeuronOptions = {}): FakeNeuron {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }], token: 'fleet', ...options });
  open.push(neuron);
  return neuron;
}

async function start(url: string, neuronToml = ''): Promise<GatewayUnderTest> {
  const gateway = await GatewayUnderTest.start({
    neurons: { beast: { url } },
    neuronToml,
    toml: `[auth]\nnode_token_file = "${TOKEN_FILE}"\n`,
  });
  open.push(gateway);
  return gateway;
}

/** A listener that must not get a request. */
function listenElsewhere(): { readonly port: number; connections: number } {
  const elsewhere = { port: 0, connections: 0 };
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: () => {
        elsewhere.connections += 1;
      },
      data: () => undefined,
    },
  });
  open.push({ close: () => server.stop(true) });
  return Object.assign(elsewhere, { port: server.port });
}

/** Sends one chat request; resolves with the path that the node got. */
async function chatOnce(gateway: GatewayUnderTest, neuron: FakeNeuron): Promise<string> {
  const answer = gateway.chat({ model: 'm' });
  const exchange = await neuron.exchange();
  exchange.json({ ok: true });
  expect((await answer).status).toBe(200);
  expect(exchange.headers.get('authorization')).toBe('Bearer fleet');
  return exchange.path;
}

describe('the endpoint that a node returns for a model', () => {
  test.each(['http', 'https'])(
    'never sends token and prompt to another host or port: %s',
    async (scheme) => {
      const elsewhere = listenElsewhere();
      const endpointUrl = `${scheme}://localhost:${elsewhere.port}/engines/m/`;
      const neuron = createNeuron({ endpointUrl });

      const path = await chatOnce(await start(neuron.url), neuron);

      expect(path).toBe('/engines/m/v1/chat/completions');
      expect(elsewhere.connections).toBe(0);
    },
  );

  test('does not change TLS to plain HTTP', async () => {
    const elsewhere = listenElsewhere();
    const neuron = createNeuron({ tls: TLS, endpointUrl: `http://127.0.0.1:${elsewhere.port}` });
    const pin = `tls_fingerprint = "sha256:${TLS.fingerprint.toUpperCase()}"`;

    expect(await chatOnce(await start(neuron.url, pin), neuron)).toBe('/v1/chat/completions');
    expect(elsewhere.connections).toBe(0);
  });

  test('is reached through port mapping and path prefix of the configured endpoint', async () => {
    const neuron = createNeuron({ endpointUrl: 'http://10.255.255.1:13131/engines/m' });
    const asked: string[] = [];
    const mapping = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      async fetch(request) {
        const { pathname, search } = new URL(request.url);
        asked.push(pathname);
        return fetch(`${neuron.url}${pathname.replace('/fleet/beast', '')}${search}`, {
          method: request.method,
          headers: request.headers,
          ...(request.method === 'POST' && { body: await request.bytes() }),
        });
      },
    });
    open.push({ close: () => mapping.stop(true) });

    const path = await chatOnce(
      await start(`http://127.0.0.1:${mapping.port}/fleet/beast/`),
      neuron,
    );

    expect(path).toBe('/engines/m/v1/chat/completions');
    expect(asked).toContain('/fleet/beast/engines/m/v1/chat/completions');
    expect(
      asked.filter((name) => !name.startsWith('/fleet/beast/') || name.includes('//')),
    ).toEqual([]);
  });

  test('is ignored if it is not an HTTP URL: inference goes to the configured endpoint', async () => {
    const neuron = createNeuron({ endpointUrl: 'ftp://evil.example/' });

    expect(await chatOnce(await start(neuron.url), neuron)).toBe('/v1/chat/completions');
  });
});

describe('a node behind TLS', () => {
  test('is unreachable if its certificate is not the pinned one, and gets neither token nor call', async () => {
    const neuron = createNeuron({ tls: TLS });

    const gateway = await start(neuron.url, `tls_fingerprint = "sha256:${'0'.repeat(64)}"`);
    const response = await gateway.chat({ model: 'm' });

    expect(response.status).toBe(503);
    expect(await response.text()).toContain('its certificate does not match tls_fingerprint');
    expect(neuron.calls.all).toEqual([]);
  });

  test('streams, and its request is cancelled when a client disconnects', async () => {
    const neuron = createNeuron({ tls: TLS });
    const gateway = await start(neuron.url, `tls_fingerprint = "sha256:${TLS.fingerprint}"`);
    const client = new AbortController();

    const answer = gateway.chat({ model: 'm', stream: true }, { signal: client.signal });
    const exchange = (await neuron.exchange()).stream().token('a');
    await (await answer).body?.getReader().read();
    client.abort();

    await exchange.left;
    expect(await gateway.record()).toMatchObject({ outcome: 'client_left', status: 499 });
  });
});
