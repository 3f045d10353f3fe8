import { afterEach, expect, test } from 'bun:test';
import { connect, type Socket } from 'node:net';

import { streamResponse } from '@cortex/service';
import { FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

const CHUNK_BYTES = 64 << 10;
const MIB = 1 << 20;

async function setUp(toml: string) {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron }, toml });
  open.push(gateway);
  return { neuron, gateway };
}

/** A client that asks for a stream and then reads nothing. */
function openUnread(gateway: GatewayUnderTest): Socket {
  const { hostname, port } = new URL(gateway.url);
  const body = '{"model":"m","stream":true}';
  const socket = connect(Number(port), hostname);
  socket.pause();
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

/** A node that sends events while they are read, and counts the bytes. */
function serveEndlessly() {
  const event = new TextEncoder().encode(
    `data: {"choices":[{"delta":{"content":"${'x'.repeat(CHUNK_BYTES)}"}}]}\n\n`,
  );
  const taken = { bytes: 0, hasEnded: Promise.withResolvers<void>() };
  const models = [
    { id: 'm', harness: 'llama', status: 'loaded', capabilities: ['text'], settings: {} },
  ];
  const load = { id: 'm', in_flight: 0, queue_depth: 0, max_in_flight: 4, max_queue_depth: 4 };
  const health = {
    uptime_secs: 1,
    ready: true,
    draining: false,
    activation: { state: 'ready', pending: [], completed: [], failed: [] },
    devices: [],
    models: [load],
    harnesses: [],
  };
  async function* endless() {
    try {
      for (;;) {
        yield event;
        taken.bytes += event.length;
        // Other connections can run.
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
    } finally {
      taken.hasEnded.resolve();
    }
  }
  const server: Bun.Server<undefined> = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch(request): Response {
      const path = new URL(request.url).pathname;
      if (path === '/models') return Response.json(models);
      if (path === '/health') return Response.json(health);
      if (path.endsWith('/endpoint')) return Response.json({ url: String(server.url) });
      if (request.method !== 'POST') return new Response(null, { status: 404 });
      return streamResponse(endless());
    },
  });
  open.push({ close: () => server.stop(true) });
  return { url: String(server.url), taken };
}

/** Resolves when `count` has stayed the same for `forMs`. */
async function settled(count: () => number, forMs: number): Promise<number> {
  let last = -1;
  while (last !== count()) {
    last = count();
    await Bun.sleep(forMs);
  }
  return last;
}

test('a client that stops reading pauses its node and uses no memory', async () => {
  const node = serveEndlessly();
  const gateway = await GatewayUnderTest.start({ neurons: { beast: node } });
  open.push(gateway);
  const before = process.memoryUsage().rss;

  const socket = openUnread(gateway);
  const bytes = await settled(() => node.taken.bytes, 500);

  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(48 * MIB);
  expect(process.memoryUsage().rss - before).toBeLessThan(128 * MIB);
  expect(gateway.inFlight).toBe(1);
  socket.destroy();
  expect(await gateway.record()).toMatchObject({ outcome: 'client_left' });
  await node.taken.hasEnded.promise;
});

test('the connection of a client that reads nothing for stall_s is closed, and its request is cancelled', async () => {
  const node = serveEndlessly();
  const gateway = await GatewayUnderTest.start({
    neurons: { beast: node },
    toml: '[timeouts]\nstall_s = 0.5\n',
  });
  open.push(gateway);

  const socket = openUnread(gateway);
  const closed = new Promise((resolve) => {
    socket.once('close', resolve);
    socket.once('error', resolve);
  });

  expect(await gateway.record()).toMatchObject({ outcome: 'client_left', status: 499 });
  await node.taken.hasEnded.promise;
  expect(gateway.inFlight).toBe(0);
  socket.resume();
  await closed;
}, 15_000);

test('a slow reader does not delay other clients', async () => {
  const node = serveEndlessly();
  const { neuron, gateway: _unused } = await setUp('');
  neuron.setModel({ id: 'other' });
  neuron.removeModel('m');
  const gateway = await GatewayUnderTest.start({ neurons: { endless: node, quick: neuron } });
  open.push(gateway);
  const socket = openUnread(gateway);
  await settled(() => node.taken.bytes, 300);

  const answer = gateway.chat({ model: 'other' });
  (await neuron.exchange()).json({ ok: true });

  expect((await answer).status).toBe(200);
  socket.destroy();
});
