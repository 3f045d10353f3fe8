import { Worker } from 'node:worker_threads';

/**
 * Environment variable with a descriptor that reaches end-of-file when the owner of this engine is gone. Nothing is
 * ever written to it.
 */
export const LIFE_FD = 'ENGINE_LIFE_FD';

/**
 * Runs in a separate thread, so that it works while the main thread is inside a kernel or a loop.
 *
 * Bun: a blocking read, because its sockets in a worker wait for the main thread. Node: a socket, because a thread
 * that blocks in a read holds up `process.exit`.
 */
const WATCHER = `
const fd = Number(process.env.${LIFE_FD});
const end = () => process.kill(process.pid, 'SIGKILL');
if (process.versions.bun) {
  const { readSync } = require('node:fs');
  const buffer = Buffer.alloc(1);
  try { while (readSync(fd, buffer) > 0); } finally { end(); }
} else {
  const { Socket } = require('node:net');
  new Socket({ fd, readable: true, writable: false }).on('error', end).on('close', end).resume();
}
`;

/** Ends this process (SIGKILL) as soon as its owner is gone, whatever its main thread is doing. */
export function startParentWatchdog(): void {
  if (process.env[LIFE_FD] === undefined) return;
  const worker = new Worker(WATCHER, { eval: true });
  worker.on('error', (error: Error) => {
    process.stderr.write(`engine: the watchdog failed: ${error.message}\n`);
  });
  worker.unref();
}
