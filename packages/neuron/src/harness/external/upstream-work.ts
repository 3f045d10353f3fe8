import { CortexError, toCortexError } from '@cortex/protocol';

import type { WorkOutcome } from '../harness.ts';
import type { SlotQueue } from './slot-queue.ts';
import { RequestTimes } from './upstream-usage.ts';

export interface UpstreamWorkOptions {
  readonly slots: SlotQueue;
  readonly principal: string;
  readonly weight: number;
  /** Aborts when the client disconnects, or by admission with a `CortexError` as reason. */
  readonly signal: AbortSignal;
  /** Aborts when the server has ended, with the error for its requests as reason. */
  readonly lost: AbortSignal;
  /** The error for a request whose connection broke. */
  readonly loss: () => CortexError;
  readonly ended: (outcome: WorkOutcome) => void;
}

/** One request at an external server: waits for a slot, sends, and reports the end of the work exactly once. */
export class UpstreamWork {
  readonly times = new RequestTimes();
  readonly #options: UpstreamWorkOptions;
  readonly #controller = new AbortController();
  readonly #onAbort = (): void => this.abort();
  readonly #onLost = (): void => {
    this.#controller.abort(this.#options.lost.reason);
  };
  #free: (() => void) | undefined;
  #isOver = false;
  #isAnswered = false;

  constructor(options: UpstreamWorkOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', this.#onAbort, { once: true });
    options.lost.addEventListener('abort', this.#onLost, { once: true });
    if (options.signal.aborted) this.abort();
    else if (options.lost.aborted) this.#onLost();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Waits for slots, then calls `send`. Its signal aborts when the work is to end.
   *
   * @throws CortexError why the work ended
   */
  async send(send: (signal: AbortSignal) => Promise<Response>): Promise<Response> {
    const { slots, principal, weight } = this.#options;
    const { signal } = this.#controller;
    this.#free = await slots.acquire({ principal, weight }, signal);
    if (this.#isOver) this.#free();
    signal.throwIfAborted();
    this.times.sent();
    const answer = await send(signal);
    this.#isAnswered = true;
    return answer;
  }

  /** The error for the client, from what the work threw. */
  toError(thrown: unknown): CortexError {
    const { signal, loss } = this.#options;
    if (signal.aborted) {
      return signal.reason instanceof CortexError
        ? signal.reason
        : new CortexError('client_closed_request', 'The client closed the request.');
    }
    if (this.#controller.signal.aborted) return toCortexError(this.#controller.signal.reason);
    return thrown instanceof CortexError ? thrown : loss();
  }

  /** Ends the work with an outcome; only the first call has an effect. */
  end(kind: WorkOutcome['kind']): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { signal, lost, ended } = this.#options;
    signal.removeEventListener('abort', this.#onAbort);
    lost.removeEventListener('abort', this.#onLost);
    this.#free?.();
    ended(kind === 'done' ? { kind, busyMs: this.times.busyMs } : { kind });
  }

  /** Ends the work as failed; as refused if the server did not begin an answer. */
  fail(): void {
    this.end(this.#isAnswered ? 'failed' : 'refused');
  }

  /** Stops the work at once, in any phase. */
  abort(): void {
    this.#controller.abort(
      new CortexError('client_closed_request', 'The client closed the request.'),
    );
    this.end('cancelled');
  }
}
