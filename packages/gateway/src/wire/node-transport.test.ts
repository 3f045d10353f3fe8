import { afterEach, describe, expect, test } from 'bun:test';

import { streamResponse, systemClock } from '@cortex/service';
import { createSelfSigned, FakeClock } from '@cortex/testkit';

import { type WireResponse } from './node-connection.ts';
import { type NodeTarget } from './node-target.ts';
import { NodeTransport } from './node-transport.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

const CERTIFICATE = createSelfSigned('localhost');

function serve(
  fetch: (request: Request) => Response | Promise<Response>,
  scheme: 'http' | 'https' = 'http',
): string {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    maxRequestBodySize: 1 << 30,
    ...(scheme === 'https' && { tls: CERTIFICATE }),
    fetch,
  });
  open.push({ close: () => server.stop(true) });
  return `${scheme}://localhost:${server.port}`;
}

function create(clock = systemClock): NodeTransport {
  const transport = new NodeTransport(clock);
  open.push(transport);
  return transport;
}

const REQUEST = {
  method: 'POST',
  path: '/v1/x',
  headers: { 'content-type': 'application/json' },
} as const;

const targetOf = (endpoint: string, change: Partial<NodeTarget> = {}): NodeTarget => ({
  endpoint,
  connectMs: 5000,
  ...(endpoint.startsWith('https:') && { tlsFingerprint: CERTIFICATE.fingerprint }),
  ...change,
});

function send(
  transport: NodeTransport,
  target: NodeTarget,
  body = new TextEncoder().encode('{}'),
): { readonly response: Promise<WireResponse>; cancel(reason: unknown): void } {
  const state: { cancel: (reason: unknown) => void } = { cancel: () => undefined };
  const response = transport.send(
    { ...REQUEST, body },
    {
      target,
      connection: 'any',
      onCancel: (cancel) => {
        state.cancel = cancel;
      },
    },
  );
  return { response, cancel: (reason) => state.cancel(reason) };
}

const textOf = async (response: WireResponse): Promise<string> =>
  new TextDecoder().decode(await response.body.readAll());

describe.each(['http', 'https'] as const)('node transport over %s', (scheme) => {
  test('delivers method, path, headers, token and body, and returns the answer', async () => {
    const endpoint = serve(
      async (request) =>
        Response.json(
          {
            method: request.method,
            path: new URL(request.url).pathname,
            type: request.headers.get('content-type'),
            token: request.headers.get('authorization'),
            body: await request.text(),
          },
          { status: 201, headers: { 'x-answer': 'yes' } },
        ),
      scheme,
    );

    const target = targetOf(`${endpoint}/base/`, { token: 'secret' });
    const response = await send(create(), target).response;

    expect(response.status).toBe(201);
    expect(response.headers['x-answer']).toBe('yes');
    expect(JSON.parse(await textOf(response))).toEqual({
      method: 'POST',
      path: '/base/v1/x',
      type: 'application/json',
      token: 'Bearer secret',
      body: '{}',
    });
  });

  test('ends a cancelled request at the node, and its answer body with the reason', async () => {
    const left = Promise.withResolvers<void>();
    const endpoint = serve((request) => {
      request.signal.addEventListener('abort', () => left.resolve());
      return streamResponse(
        (async function* () {
          yield 'a';
          await left.promise;
        })(),
      );
    }, scheme);
    const sent = send(create(), targetOf(endpoint));
    const response = await sent.response;
    const parts = response.body[Symbol.asyncIterator]();
    await parts.next();

    const next = parts.next().catch((error: unknown) => error);
    sent.cancel(new Error('gone'));

    expect(String(await next)).toContain('gone');
    await left.promise;
  });

  test('does not cancel the next request on a connection with one whose answer has arrived', async () => {
    const second = Promise.withResolvers<void>();
    let count = 0;
    const endpoint = serve(async () => {
      count += 1;
      if (count === 2) await second.promise;
      return new Response(`answer ${count}`);
    }, scheme);
    const transport = create();
    const target = targetOf(endpoint);
    const first = send(transport, target);
    // The node has answered; nobody has read the body yet.
    const unread = await first.response;
    const next = send(transport, target);

    first.cancel(new Error('its client left'));
    second.resolve();

    expect(await textOf(await next.response)).toBe('answer 2');
    expect(await textOf(unread)).toBe('answer 1');
    expect(transport.openCount).toBe(1);
  });

  test('uses one connection for sequential requests and separate ones for parallel requests', async () => {
    const gates: (() => void)[] = [];
    const arrivals: (() => void)[] = [];
    const endpoint = serve(async () => {
      await new Promise<void>((resolve) => {
        gates.push(resolve);
        arrivals.shift()?.();
      });
      return new Response('ok');
    }, scheme);
    const transport = create();
    const target = targetOf(endpoint);
    const openGates = async (count: number): Promise<void> => {
      while (gates.length < count) await new Promise<void>((resolve) => arrivals.push(resolve));
      for (const gate of gates.splice(0)) gate();
    };

    const first = send(transport, target).response;
    await openGates(1);
    await textOf(await first);
    const second = send(transport, target).response;
    await openGates(1);
    await textOf(await second);
    expect(transport.openCount).toBe(1);

    const both = [send(transport, target).response, send(transport, target).response];
    await openGates(2);
    for (const response of await Promise.all(both)) await textOf(response);
    expect(transport.openCount).toBe(2);
  });

  test('delivers a request body of 64 MiB and an answer of 64 MiB completely', async () => {
    const endpoint = serve(async (request) => new Response(await request.bytes()), scheme);
    const body = new Uint8Array(64 << 20).fill(0x61);

    const response = await send(create(), targetOf(endpoint), body).response;

    expect(Bun.hash(await response.body.readAll())).toBe(Bun.hash(body));
  });

  test('gives up connecting after connect_s', async () => {
    // Accepts connections and sends nothing, so that the TLS handshake hangs. TEST-NET-1 never answers (RFC 5737).
    const silent = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
    open.push({ close: () => silent.stop(true) });
    const host = scheme === 'https' ? `localhost:${silent.port}` : '192.0.2.1:9';
    const clock = new FakeClock();

    const error = send(create(clock), targetOf(`${scheme}://${host}`)).response.catch(String);
    await clock.whenSet(5000);
    clock.advance(5000);

    expect(await error).toContain('connecting took longer than 5 s');
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a node behind TLS', () => {
  /** A node with TLS that collects all bytes that it gets. */
  function listenSecurely(): { readonly endpoint: string; received: string } {
    const node = { endpoint: '', received: '' };
    const server = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      tls: CERTIFICATE,
      socket: {
        data(socket, bytes) {
          node.received += bytes.toString('latin1');
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        },
        error: () => undefined,
      },
    });
    open.push({ close: () => server.stop(true) });
    node.endpoint = `https://localhost:${server.port}`;
    return node;
  }

  test('with the pinned certificate is accepted under any host name', async () => {
    const node = listenSecurely();
    const byAddress = node.endpoint.replace('localhost', '127.0.0.1');

    for (const endpoint of [node.endpoint, byAddress]) {
      const response = await send(create(), targetOf(endpoint)).response;
      expect(await textOf(response)).toBe('ok');
    }
  });

  test.each([
    ['another certificate than the pinned one', 'f'.repeat(64), 'does not match tls_fingerprint'],
    ['a certificate that is not trusted', undefined, 'set tls_fingerprint'],
  ])('is refused before a byte is sent: %s', async (_, tlsFingerprint, reason) => {
    const node = listenSecurely();
    const target = targetOf(node.endpoint, { token: 'secret', tlsFingerprint });
    const transport = create();

    const error = await send(transport, target).response.catch(String);

    expect(error).toContain(reason);
    expect(node.received).toBe('');
    expect(transport.openCount).toBe(0);
  });

  test('gets no byte of a request if it speaks plain HTTP', async () => {
    let received = '';
    const server = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        data(socket, bytes) {
          received += bytes.toString('latin1');
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        },
      },
    });
    open.push({ close: () => server.stop(true) });

    const target = targetOf(`https://localhost:${server.port}`, { token: 'secret' });
    const error = await send(create(), target).response.catch(String);

    expect(error).toContain('ConnectError');
    expect(received).not.toContain('secret');
  });
});

test('a connection that the node closed while idle is not used again', async () => {
  const sockets: Bun.Socket[] = [];
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket) {
        sockets.push(socket);
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      },
    },
  });
  open.push({ close: () => server.stop(true) });
  const transport = create();
  const target = targetOf(`http://localhost:${server.port}`);
  await textOf(await send(transport, target).response);

  sockets[0]?.end();
  while (transport.openCount > 0) await Bun.sleep(1);
  const response = await send(transport, target).response;

  expect(await textOf(response)).toBe('ok');
  expect(sockets[1]).not.toBe(sockets[0]);
});

test('the transport does not repeat a request that the node may have read before its connection broke', async () => {
  let received = 0;
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket) {
        received += 1;
        if (received === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        else socket.end();
      },
    },
  });
  open.push({ close: () => server.stop(true) });
  const transport = create();
  const target = targetOf(`http://localhost:${server.port}`);
  await textOf(await send(transport, target).response);

  const error = await send(transport, target).response.catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ name: 'ConnectionLost', isReused: true, isUnsent: false });
  expect(received).toBe(2);
});

test('the node is paused when the reader of the answer stops reading', async () => {
  const chunk = new Uint8Array(64 << 10);
  const taken = { bytes: 0 };
  const endpoint = serve(() =>
    streamResponse(
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

  const response = await send(create(), targetOf(endpoint)).response;
  let before = -1;
  while (before !== taken.bytes) {
    before = taken.bytes;
    await Bun.sleep(200);
  }

  expect(taken.bytes).toBeLessThan(32 << 20);
  expect((await response.body.readAll()).length).toBe(2000 * chunk.length);
});

test('the error distinguishes a refused connection from a host name that cannot be resolved', async () => {
  const dead = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const { port } = dead;
  dead.stop(true);

  const refused = await send(create(), targetOf(`http://127.0.0.1:${port}`)).response.catch(String);
  const unknown = await send(create(), targetOf('http://no-such-host.invalid')).response.catch(
    String,
  );

  expect(refused).toBe('ConnectError: the connection was refused');
  expect(unknown).toBe('ConnectError: its host name cannot be resolved');
});

test('an answer that is not HTTP is a WireError', async () => {
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data: (socket) => void socket.write('SSH-2.0-x\r\n\r\n') },
  });
  open.push({ close: () => server.stop(true) });

  const target = targetOf(`http://127.0.0.1:${server.port}`);
  const error = await send(create(), target).response.catch(String);

  expect(error).toContain('the status line is not valid HTTP/1.1');
});

test('a request that cannot be formatted opens no connection', async () => {
  const transport = create();
  const { path } = REQUEST;
  const request = { ...REQUEST, path, headers: { 'x-a': 'a\r\nb' }, body: undefined };
  const target = targetOf(serve(() => new Response('ok')));

  const sent = transport.send(request, { target, connection: 'any', onCancel: () => undefined });

  expect(await sent.catch((error: unknown) => error)).toBeInstanceOf(TypeError);
  expect(transport.openCount).toBe(0);
});
