import { CortexError } from '@cortex/protocol';

export interface PooledJobOptions {
  readonly principal: string;
  /** Tokens of each input. */
  readonly inputs: readonly Uint32Array[];
  readonly signal: AbortSignal;
}

/** A request of the scheduler: its inputs, and the vectors so far. Settles once. */
export class PooledJob {
  readonly principal: string;
  readonly signal: AbortSignal;
  readonly vectors: Promise<readonly Float64Array[]>;
  readonly #inputs: readonly Uint32Array[];
  readonly #done: Float64Array[] = [];
  readonly #outcome = Promise.withResolvers<readonly Float64Array[]>();
  #isSettled = false;

  constructor({ principal, inputs, signal }: PooledJobOptions) {
    this.principal = principal;
    this.signal = signal;
    this.#inputs = inputs;
    this.vectors = this.#outcome.promise;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The input to decode next; undefined if all vectors are complete. */
  get next(): Uint32Array | undefined {
    return this.#inputs[this.#done.length];
  }

  /** Adds the vector of `next`. */
  add(vector: Float64Array): void {
    if (this.#isSettled) return;
    this.#done.push(vector);
    if (this.next !== undefined) return;
    this.#isSettled = true;
    this.#outcome.resolve(this.#done);
  }

  fail(error: Error): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#outcome.reject(error);
  }

  /** Ends the job with the reason of its signal. */
  cancel(): void {
    this.fail(cancelled(this.signal));
  }
}

/** The rejection of a cancelled call. */
export const cancelled = (signal: AbortSignal): CortexError =>
  new CortexError('client_closed_request', 'The request was cancelled.', { cause: signal.reason });
