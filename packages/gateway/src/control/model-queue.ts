import type { CortexError } from '@cortex/protocol';

import type { AcquireRequest, Lease } from './control.ts';

/** One request in the waiting room. */
export interface Waiter {
  readonly request: AcquireRequest;
  readonly enteredMs: number;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (error: CortexError) => void;
  /** Removes its timer and listener. */
  readonly end: () => void;
  cancelTimer?: () => void;
}

/** The requests that wait for one model, in the order of their arrival. */
export class ModelQueue {
  /** Requests that returned after a failed attempt. They arrived before all others and keep their position. */
  readonly #returned = new Set<Waiter>();
  readonly #arrived = new Set<Waiter>();
  #latestArrivalMs = -Infinity;
  #constrained = 0;
  #isPumping = false;
  #pumpAgain = false;

  get size(): number {
    return this.#returned.size + this.#arrived.size;
  }

  /** Whether some requests can run only on certain nodes. */
  get hasConstrained(): boolean {
    return this.#constrained > 0;
  }

  *[Symbol.iterator](): Generator<Waiter, void> {
    yield* this.#returned;
    yield* this.#arrived;
  }

  has(waiter: Waiter): boolean {
    return this.#returned.has(waiter) || this.#arrived.has(waiter);
  }

  add(waiter: Waiter): void {
    const { arrivedMs } = waiter.request;
    if (arrivedMs < this.#latestArrivalMs) this.#returned.add(waiter);
    else this.#arrived.add(waiter);
    this.#latestArrivalMs = Math.max(this.#latestArrivalMs, arrivedMs);
    if (isConstrained(waiter)) this.#constrained += 1;
  }

  remove(waiter: Waiter): void {
    if (!this.#returned.delete(waiter) && !this.#arrived.delete(waiter)) return;
    if (isConstrained(waiter)) this.#constrained -= 1;
  }

  /** Whether a load on `node` is useful for one of the requests. */
  wants(node: string): boolean {
    if (this.#constrained < this.size) return true;
    for (const { request } of this) {
      if (request.node === undefined || request.node === node) return true;
    }
    return false;
  }

  /** Returns false during a pump, which then makes one more round. */
  beginPump(): boolean {
    this.#pumpAgain = this.#isPumping;
    if (this.#isPumping) return false;
    this.#isPumping = true;
    return true;
  }

  /** Whether the queue changed during the round, so that another one is needed. */
  endPump(): boolean {
    const again = this.#pumpAgain;
    this.#pumpAgain = false;
    this.#isPumping = again;
    return again;
  }
}

const isConstrained = ({ request }: Waiter): boolean =>
  request.node !== undefined || request.tried.length > 0;
