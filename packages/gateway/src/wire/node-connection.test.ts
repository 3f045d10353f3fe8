import { expect, test } from 'bun:test';

import { NodeConnection } from './node-connection.ts';

test('a request on a connection that was closed after it was made fails with the reason of the close', async () => {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('ok') });
  const callbacks = { onIdle: () => undefined, onClose: () => undefined };
  const peer = { hostname: '127.0.0.1', port: server.port ?? 0, check: undefined };
  const connection = new NodeConnection(peer, callbacks);
  await connection.connect();
  const reason = new Error('cancelled');

  connection.destroy(reason);
  const sent = connection.send(
    [new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')],
    () => undefined,
  );

  expect(await sent.catch((error: unknown) => error)).toBe(reason);
  await server.stop(true);
});
