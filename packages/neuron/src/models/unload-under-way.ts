import type { CortexError } from '@cortex/protocol';

import { abortable } from '../abortable.ts';

interface UnloadWork {
  /** Resolves when no request is in flight; undefined: requests are not waited for. */
  readonly idle: Promise<void> | undefined;
  /** Called when it no longer waits for requests. */
  readonly begin: () => void;
  /** Frees the model. */
  readonly end: () => Promise<void>;
  /** Called when it is withdrawn: the model stays loaded. */
  readonly withdrawn: () => void;
}

/** An unload under way. Requests in flight finish first, unless it is forced; until then it can be withdrawn. */
export class UnloadUnderWay {
  /** Rejects with the reason of a withdrawal, or with the error of `end`. */
  readonly done: Promise<void>;
  readonly #go = Promise.withResolvers<void>();
  readonly #work: UnloadWork;
  #state: 'draining' | 'unloading' | 'withdrawn' = 'draining';
  #callers = 0;

  constructor(work: UnloadWork) {
    this.#work = work;
    this.done = this.#go.promise.then(() => work.end());
    this.done.catch(() => undefined);
  }

  /** Call it once, when the model refuses new requests. */
  start(): void {
    const { idle } = this.#work;
    if (idle) void idle.then(() => this.force());
    else this.force();
  }

  /** Stops waiting for requests. */
  force(): void {
    if (this.#state !== 'draining') return;
    this.#state = 'unloading';
    this.#work.begin();
    this.#go.resolve();
  }

  /** Gives up the unload if it still waits for requests. @param reason - What its callers get. */
  withdraw(reason: CortexError): void {
    if (this.#state !== 'draining') return;
    this.#state = 'withdrawn';
    this.#go.reject(reason);
    this.#work.withdrawn();
  }

  /**
   * Waits for the end. When the last caller leaves while requests are in flight, the unload is withdrawn.
   *
   * @param signal - Aborts when the caller leaves; undefined: the caller stays.
   * @throws CortexError the reason of a withdrawal; the reason of `signal` when that aborts
   */
  async join(signal: AbortSignal | undefined, abandoned: CortexError): Promise<void> {
    this.#callers += 1;
    if (signal === undefined) return this.done;
    try {
      return await abortable(this.done, signal);
    } catch (error) {
      if (signal.aborted) {
        this.#callers -= 1;
        if (this.#callers === 0) this.withdraw(abandoned);
      }
      throw error;
    }
  }
}
