import { afterEach, expect, test } from 'bun:test';

import { Deadlines } from '../proxy/deadlines.ts';
import { type WireResponse } from './node-connection.ts';
import { NodeTransport } from './node-transport.ts';
import { FetchTransport } from './fetch-transport.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

function serve(fetch: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', maxRequestBodySize: 1 << 30, fetch });
  open.push({ close: () => server.stop(true) });
  return `http://127.0.0.1:${server.port}`;
}

function create(connectMs = 5000): NodeTransport {
  const transport = new NodeTransport({ deadlines: new Deadlines(), connectMs: () => connectMs });
  open.push(transport);
  return transport;
}

const REQUEST = { path: '/v1/x', headers: { 'content-type': 'application/json' } };

function send(
  transport: Pick<NodeTransport, 'send'>,
  endpoint: string,
  body = new TextEncoder().encode('{}'),
): { readonly response: Promise<WireResponse>; cancel(reason: unknown): void } {
  const state: { cancel: (reason: unknown) => void } = { cancel: () => undefined };
  const response = transport.send(
    { ...REQUEST, body },
    {
      endpoint,
      onCancel: (cancel) => {
        state.cancel = cancel;
      },
    },
  );
  return { response, cancel: (reason) => state.cancel(reason) };
}

const textOf = async (response: WireResponse): Promise<string> =>
  new TextDecoder().decode(await response.body.readAll());

for (const [name, make] of [
  ['plain HTTP', create],
  ['fetch', () => new FetchTransport()],
] as const) {
  test(`${name}: method, path, headers and body arrive, and the answer comes back`, async () => {
    const endpoint = serve(async (request) =>
      Response.json(
        {
          method: request.method,
          path: new URL(request.url).pathname,
          type: request.headers.get('content-type'),
          body: await request.text(),
        },
        { status: 201, headers: { 'x-answer': 'yes' } },
      ),
    );

    const response = await send(make(), `${endpoint}/base`).response;

    expect(response.status).toBe(201);
    expect(response.headers['x-answer']).toBe('yes');
    expect(JSON.parse(await textOf(response))).toEqual({
      method: 'POST',
      path: '/base/v1/x',
      type: 'application/json',
      body: '{}',
    });
  });

  test(`${name}: a cancelled request ends at the node, and its body with the reason`, async () => {
    const left = Promise.withResolvers<void>();
    const endpoint = serve((request) => {
      request.signal.addEventListener('abort', () => left.resolve());
      return new Response(
        // @ts-expect-error -- Bun takes an async generator as body, TypeScript's DOM library does not know.
        (async function* () {
          yield 'a';
          await left.promise;
        })(),
      );
    });
    const sent = send(make(), endpoint);
    const response = await sent.response;
    const parts = response.body[Symbol.asyncIterator]();
    await parts.next();

    const next = parts.next().catch((error: unknown) => error);
    sent.cancel(new Error('gone'));

    expect(String(await next)).toContain('gone');
    await left.promise;
  });
}

test('requests one after the other share a connection, requests side by side do not', async () => {
  const gates: (() => void)[] = [];
  const endpoint = serve(async () => {
    await new Promise<void>((resolve) => {
      gates.push(resolve);
    });
    return new Response('ok');
  });
  const transport = create();
  const openGates = async (count: number): Promise<void> => {
    while (gates.length < count) await Bun.sleep(1);
    for (const gate of gates.splice(0)) gate();
  };

  const first = send(transport, endpoint).response;
  await openGates(1);
  await textOf(await first);
  const second = send(transport, endpoint).response;
  await openGates(1);
  await textOf(await second);
  expect(transport.openCount).toBe(1);

  const both = [send(transport, endpoint).response, send(transport, endpoint).response];
  await openGates(2);
  for (const response of await Promise.all(both)) await textOf(response);
  expect(transport.openCount).toBe(2);
});

test('a connection that the node closed while it rested is replaced without an error', async () => {
  let answered = 0;
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket) {
        answered += 1;
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        // As if the idle timeout struck the moment the answer was read.
        setTimeout(() => socket.end(), 0);
      },
    },
  });
  open.push({ close: () => server.stop(true) });
  const transport = create();

  for (let index = 0; index < 200; index += 1) {
    const response = await send(transport, `http://127.0.0.1:${server.port}`).response;
    expect(await textOf(response)).toBe('ok');
    if (index % 3 === 0) await Bun.sleep(1);
  }

  expect(answered).toBe(200);
});

test('a body of 64 MiB leaves as the node takes it, and an answer of 64 MiB arrives whole', async () => {
  const endpoint = serve(async (request) => new Response(await request.bytes()));
  const body = new Uint8Array(64 << 20).fill(0x61);

  const response = await send(create(), endpoint, body).response;

  expect(Bun.hash(await response.body.readAll())).toBe(Bun.hash(body));
});

test('a reader that stops reading stops the node', async () => {
  const chunk = new Uint8Array(64 << 10);
  const taken = { bytes: 0 };
  const endpoint = serve(
    () =>
      new Response(
        // @ts-expect-error -- Bun takes an async generator as body, TypeScript's DOM library does not know.
        (async function* () {
          for (let index = 0; index < 2000; index += 1) {
            yield chunk;
            taken.bytes += chunk.length;
            await new Promise((resolve) => {
              setImmediate(resolve);
            });
          }
        })(),
      ),
  );

  const response = await send(create(), endpoint).response;
  let before = -1;
  while (before !== taken.bytes) {
    before = taken.bytes;
    await Bun.sleep(200);
  }

  expect(taken.bytes).toBeLessThan(32 << 20);
  expect((await response.body.readAll()).length).toBe(2000 * chunk.length);
});

test('a node that cannot be connected to is an error after connect_s, and at once where it refuses', async () => {
  const dead = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const { port } = dead;
  dead.stop(true);

  const refused = await send(create(), `http://127.0.0.1:${port}`).response.catch(String);
  // TEST-NET-1 answers nobody (RFC 5737).
  const silent = await send(create(300), 'http://192.0.2.1:9').response.catch(String);

  expect(refused).toBeString();
  expect(silent).toBeString();
});

test('an answer that is none is an error that says so', async () => {
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data: (socket) => void socket.write('SSH-2.0-x\r\n\r\n') },
  });
  open.push({ close: () => server.stop(true) });

  const error = await send(create(), `http://127.0.0.1:${server.port}`).response.catch(String);

  expect(error).toContain('the status line is none of HTTP/1.1');
});
