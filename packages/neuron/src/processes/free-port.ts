import { createServer } from 'node:net';

/**
 * A TCP port of the loopback interface that is free now.
 *
 * Another program may take it before it is used. The server that was to use it then ends at once, and the next start
 * asks for another port.
 */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free');
  return address.port;
}
