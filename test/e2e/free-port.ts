import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** Listens on `port` for a moment; resolves with the port, or undefined if it is taken. */
function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.on('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : undefined;
      server.close(() => resolve(bound));
    });
  });
}

/** A port that is free now, for a program whose port must not change. */
export async function freePort(): Promise<number> {
  return (await tryPort(0)) ?? 0;
}

const FIRST_PORT = 10_000;
const EPHEMERAL_RANGE = '/proc/sys/net/ipv4/ip_local_port_range';

/**
 * A free port for a program that is killed and started again. The system gives it to no outgoing connection
 * meanwhile, because it is below the range for those.
 */
export async function stablePort(): Promise<number> {
  const endPort = Number.parseInt(readFileSync(EPHEMERAL_RANGE, 'utf8'), 10);
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (endPort - FIRST_PORT));
    if ((await tryPort(port)) !== undefined) return port;
  }
}
