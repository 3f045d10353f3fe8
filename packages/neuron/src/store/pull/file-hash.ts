import { Worker } from 'node:worker_threads';

import type { HashAnswer, HashOrder, HashTask } from './hash-thread.ts';

/** Bytes after which the thread is told how far the file is. */
const STEP_BYTES = 4 << 20;

/**
 * The hash of a file that is being written, computed by a thread that reads it. SHA-256 takes a second per GB, up to
 * three without the instructions for it, which the streams of the daemon would wait for.
 */
export class FileHash {
  readonly #thread: Worker;
  readonly #answer = Promise.withResolvers<string>();
  #told = 0;
  #reached = 0;

  constructor(task: HashTask) {
    this.#thread = new Worker(new URL('./hash-thread.ts', import.meta.url), { workerData: task });
    this.#thread.on('message', (answer: HashAnswer) => {
      if (answer.kind === 'digest') return this.#answer.resolve(answer.hex);
      const { error, code } = answer;
      this.#answer.reject(Object.assign(error, code !== undefined && { code }));
    });
    this.#thread.on('error', this.#answer.reject);
    this.#thread.on('exit', (code) =>
      this.#answer.reject(
        new Error(`The thread that hashes ${task.path} ended with code ${code}.`),
      ),
    );
    // A download that fails for another reason does not ask for the hash.
    this.#answer.promise.catch(() => undefined);
  }

  /** The first `bytes` of the file are written. */
  reached(bytes: number): void {
    this.#reached = bytes;
    if (bytes - this.#told >= STEP_BYTES) this.#tell();
  }

  /** The file is written from its start again. */
  restart(): void {
    this.#told = 0;
    this.#reached = 0;
    this.#order({ kind: 'restart' });
  }

  /**
   * The hash of all bytes that were reached, in hex; once.
   *
   * @throws the error of the file system; the reason of `signal`
   */
  async digest(signal: AbortSignal): Promise<string> {
    this.#tell();
    this.#order({ kind: 'digest' });
    const onAbort = (): void => this.#answer.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      return await this.#answer.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Ends the thread. The file may be closed afterwards. */
  async close(): Promise<void> {
    await this.#thread.terminate();
  }

  #tell(): void {
    this.#told = this.#reached;
    this.#order({ kind: 'reached', bytes: this.#reached });
  }

  #order(order: HashOrder): void {
    this.#thread.postMessage(order);
  }
}
