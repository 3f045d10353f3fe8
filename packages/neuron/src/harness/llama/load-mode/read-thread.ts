/** The thread of `measure-reads.ts`: reads another part of the file in each way, and times it. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

import { ptr } from 'bun:ffi';
import { z } from 'zod';

const SAMPLE_BYTES = 128 * 2 ** 20;
const CHUNK_BYTES = 4 * 2 ** 20;
/** Alignment of memory and offsets for reads without the page cache; at least that of every disk. */
const PAGE_BYTES = 4096;
const MIB = 2 ** 20;

const { path } = z.object({ path: z.string() }).parse(workerData);

/** MiB/s of `act`, which reads `bytes`; undefined if this machine cannot read like that. */
function speedOf(bytes: number, act: () => void): number | undefined {
  const beganMs = performance.now();
  try {
    act();
  } catch {
    // The file system does not support it.
    return undefined;
  }
  return bytes / MIB / Math.max(0.001, (performance.now() - beganMs) / 1000);
}

/** Memory that begins at a page. */
function alignedBuffer(): Uint8Array {
  const memory = new Uint8Array(CHUNK_BYTES + PAGE_BYTES);
  const offset = (PAGE_BYTES - (ptr(memory) % PAGE_BYTES)) % PAGE_BYTES;
  return memory.subarray(offset, offset + CHUNK_BYTES);
}

function readThrough(flags: number, { start, end }: { start: number; end: number }): void {
  const file = openSync(path, flags);
  try {
    const buffer = alignedBuffer();
    for (let at = start; at < end;) {
      const got = readSync(file, buffer, 0, Math.min(CHUNK_BYTES, end - at), at);
      if (got === 0) throw new Error('the file ended');
      at += got;
    }
  } finally {
    closeSync(file);
  }
}

/** Touches every page of a part of the mapped file. */
function touch({ start, end }: { start: number; end: number }): number {
  const bytes = Bun.mmap(path, { offset: start, size: end - start });
  let sum = 0;
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) sum += bytes[at] ?? 0;
  return sum;
}

function measure() {
  const file = openSync(path, constants.O_RDONLY);
  const { size } = fstatSync(file);
  closeSync(file);
  // A part for each way, so that none profits from what another one has read.
  const third = Math.floor(size / 3 / CHUNK_BYTES) * CHUNK_BYTES;
  const bytes = Math.min(SAMPLE_BYTES, third);
  const part = (index: number) => ({ start: index * third, end: index * third + bytes });
  if (bytes === 0) return {};
  const direct =
    process.platform === 'linux'
      ? speedOf(bytes, () => readThrough(constants.O_RDONLY | constants.O_DIRECT, part(0)))
      : undefined;
  const read = speedOf(bytes, () => readThrough(constants.O_RDONLY, part(1)));
  const mmap = speedOf(bytes, () => touch(part(2)));
  return { direct, read, mmap };
}

try {
  parentPort?.postMessage(measure());
} catch (error) {
  parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) });
}
