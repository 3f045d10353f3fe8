import type { CortexError } from '@cortex/protocol';

import type { AcquireRequest, Lease } from './control.ts';

/** A request that has no answer yet. */
export interface Waiter {
  readonly request: AcquireRequest;
  /** When it started to wait. */
  readonly enteredMs: number;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (error: CortexError) => void;
  /** It was not answered at once. */
  isWaiting: boolean;
  /** Removes its listener. */
  stopListening: (() => void) | undefined;
}

/** The promises of requests without an answer, by the id that decisions know. */
export class Waiters {
  readonly #byId = new Map<string, Waiter>();
  #count = 0;

  /** Ids are our own: clients may send the same request id twice. */
  add(waiter: Waiter): string {
    this.#count += 1;
    const id = `w${this.#count}`;
    this.#byId.set(id, waiter);
    return id;
  }

  get(id: string): Waiter | undefined {
    return this.#byId.get(id);
  }

  /** The waiter, which now gets its answer; undefined: it has left. */
  take(id: string): Waiter | undefined {
    const waiter = this.#byId.get(id);
    this.#byId.delete(id);
    waiter?.stopListening?.();
    return waiter;
  }

  /** The request with the id of its client that has no answer yet; of several the first. */
  ofRequest(requestId: string): Waiter | undefined {
    for (const waiter of this.#byId.values()) {
      if (waiter.request.requestId === requestId) return waiter;
    }
    return undefined;
  }

  get ids(): readonly string[] {
    return [...this.#byId.keys()];
  }
}
