/** The thread of `FileHash`: hashes a file as far as it is written. */
import { createHash, type Hash } from 'node:crypto';
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';

import type { Checksum } from './remote-file.ts';

/** What the thread gets when it starts. */
export interface HashTask {
  readonly path: string;
  /** Can be read. It belongs to the thread of the caller. */
  readonly fd: number;
  readonly kind: Checksum['kind'];
  /** Size of the complete file. */
  readonly sizeBytes: number;
}

/** What the thread is told. */
export type HashOrder =
  /** So many bytes can be read. */
  | { readonly kind: 'reached'; readonly bytes: number }
  /** The file is written from its start again. */
  | { readonly kind: 'restart' }
  /** The hash is wanted once all bytes that were reached are in it. */
  | { readonly kind: 'digest' };

/** The answer to `digest`, or the first error of the file system. */
export type HashAnswer =
  | { readonly kind: 'digest'; readonly hex: string }
  | { readonly kind: 'failed'; readonly error: Error; readonly code: string | undefined };

const READ_BYTES = 1 << 20;

const readAt = promisify(read);

function startHash({ kind, sizeBytes }: HashTask): Hash {
  if (kind !== 'git') return createHash('sha256');
  return createHash('sha1').update(`blob ${sizeBytes}\0`);
}

class FollowingHash {
  readonly #task: HashTask;
  readonly #buffer = new Uint8Array(READ_BYTES);
  #hash: Hash;
  #done = 0;
  #reached = 0;
  /** Counts the restarts. */
  #epoch = 0;

  constructor(task: HashTask) {
    this.#task = task;
    this.#hash = startHash(task);
  }

  reach(bytes: number): void {
    this.#reached = bytes;
  }

  restart(): void {
    this.#hash = startHash(this.#task);
    this.#done = 0;
    this.#reached = 0;
    this.#epoch += 1;
  }

  /**
   * Hashes what can be read, and what becomes readable meanwhile. Ends early where the file has become shorter: it is
   * about to be written again.
   */
  async follow(): Promise<void> {
    const { fd } = this.#task;
    while (this.#done < this.#reached) {
      const epoch = this.#epoch;
      const length = Math.min(READ_BYTES, this.#reached - this.#done);
      const { bytesRead } = await readAt(fd, this.#buffer, 0, length, this.#done);
      if (epoch !== this.#epoch) continue;
      if (bytesRead === 0) return;
      this.#hash.update(this.#buffer.subarray(0, bytesRead));
      this.#done += bytesRead;
    }
  }

  /** @throws Error if the file is shorter than what was written */
  digest(): string {
    if (this.#done < this.#reached)
      throw new Error(`${this.#task.path} is shorter than what was written.`);
    return this.#hash.digest('hex');
  }
}

function answer(): void {
  const port = parentPort;
  if (port === null) throw new Error('This file runs only as a thread.');
  const task: HashTask = workerData;
  const hash = new FollowingHash(task);
  const send = (message: HashAnswer): void => port.postMessage(message);
  let following: Promise<void> = Promise.resolve();
  port.on('message', (order: HashOrder) => {
    if (order.kind === 'restart') hash.restart();
    if (order.kind === 'reached') hash.reach(order.bytes);
    following = following.then(async () => {
      await hash.follow();
      if (order.kind === 'digest') send({ kind: 'digest', hex: hash.digest() });
    });
    following.catch((thrown: unknown) => {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      const code = 'code' in error ? String(error.code) : undefined;
      send({ kind: 'failed', error, code });
    });
  });
}

answer();
