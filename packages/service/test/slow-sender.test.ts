import { expect, test } from 'bun:test';
import { connect, type Socket } from 'node:net';

import { listen, readBody } from '../src/index.ts';

// The runtime closes an idle connection after four seconds at the earliest, so both tests wait at the same time.

/** A connection that has sent `text` and will send no more. */
async function stalled(
  port: number,
  text: string,
): Promise<{ socket: Socket; received: () => string; closed: Promise<void> }> {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const { promise: sent, resolve: send } = Promise.withResolvers<void>();
  let received = '';
  const socket = connect(port, '127.0.0.1', () => socket.write(text, () => send()));
  socket.on('data', (data) => (received += String(data)));
  socket.on('close', () => close());
  socket.on('error', () => close());
  await sent;
  return { socket, received: () => received, closed };
}

test.concurrent(
  'a client that stops sending its body is disconnected, and the request handler ends',
  async () => {
    const { promise: outcome, resolve } = Promise.withResolvers<unknown>();
    const listener = listen({
      listen: '127.0.0.1:0',
      key: 'listen',
      idleLimitS: 1,
      fetch: async (request) => {
        await readBody(request, { maxBytes: 1000, signal: request.signal }).then(resolve, resolve);
        return new Response();
      },
    });

    const slow = await stalled(
      listener.port,
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
    );
    await slow.closed;

    expect(await outcome).toMatchObject({ code: 'client_closed_request' });
    await listener.stop('now');
  },
  15_000,
);

test.concurrent(
  'a request whose body has been read may take longer than the idle limit',
  async () => {
    const listener = listen({
      listen: '127.0.0.1:0',
      key: 'listen',
      idleLimitS: 1,
      fetch: async (request, server) => {
        await readBody(request, { maxBytes: 1000, signal: request.signal });
        server.timeout(request, 0);
        // Longer than the runtime keeps an idle connection open.
        await slow.closed;
        return new Response('late');
      },
    });
    const slow = await stalled(
      listener.port,
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{',
    );

    const response = await fetch(listener.url, { method: 'POST', body: '{}' });

    expect(await response.text()).toBe('late');
    await listener.stop('now');
  },
  15_000,
);
