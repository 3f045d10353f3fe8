/** The clients that `tools/test-clients.mjs` has installed. */
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

const FOLDER = process.env['CORTEX_TEST_CLIENTS'];

/** A file or folder among the clients; undefined: it is not installed. */
export function installed(...path: readonly string[]): string | undefined {
  if (FOLDER === undefined) return undefined;
  const place = join(FOLDER, ...path);
  return existsSync(place) ? place : undefined;
}

/** Whether this process can reach nothing but its own machine, so that a program cannot either. */
export const isOffline = Object.keys(networkInterfaces()).every((name) => name === 'lo');
