import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';

import type { Checksum } from './remote-file.ts';

/** Large enough to be fast, small enough not to hold up the event loop: about 1 ms of SHA-256. */
const READ_BYTES = 1 << 20;

/** The hash that `checksum` is a result of, for a file of `sizeBytes`; SHA-256 if there is no checksum. */
export function startHash(checksum: Checksum | undefined, sizeBytes: number): Hash {
  if (checksum?.kind !== 'git') return createHash('sha256');
  return createHash('sha1').update(`blob ${sizeBytes}\0`);
}

/** Adds the first `bytes` of a file. @throws the error of the file system; an abort error when `signal` aborts */
export async function hashFile(
  hash: Hash,
  { path, bytes }: { readonly path: string; readonly bytes: number },
  signal: AbortSignal,
): Promise<void> {
  if (bytes === 0) return;
  const stream = createReadStream(path, { end: bytes - 1, highWaterMark: READ_BYTES, signal });
  for await (const chunk of stream) hash.update(chunk);
}
