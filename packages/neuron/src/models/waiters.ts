import { abortable } from '../abortable.ts';

/** How long a load continues after its last waiter has left. */
const ABANDON_MS = 30_000;

/**
 * The callers of a load (contracts, section 3).
 *
 * A load without waiters is given up after 30 s, unless a detached caller asked for it.
 */
export class Waiters {
  readonly #onAbandoned: () => void;
  readonly #abandonMs: number;
  #count = 0;
  #isDetached = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onAbandoned: () => void, abandonMs = ABANDON_MS) {
    this.#onAbandoned = onAbandoned;
    this.#abandonMs = abandonMs;
  }

  /** True when the last waiter has left and nobody else wants the load. */
  get isAbandoned(): boolean {
    return this.#timer !== undefined && this.#count === 0 && !this.#isDetached;
  }

  /** Adds a detached caller, who does not wait or whose disconnect has no effect. */
  detach(): void {
    this.#isDetached = true;
    clearTimeout(this.#timer);
  }

  /** Waits for `outcome` until `signal` aborts; then rejects with its reason. */
  async wait<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
    clearTimeout(this.#timer);
    this.#count += 1;
    try {
      return await abortable(outcome, signal);
    } finally {
      this.#count -= 1;
      if (this.#count === 0 && !this.#isDetached) {
        this.#timer = setTimeout(this.#onAbandoned, this.#abandonMs);
      }
    }
  }

  /** Call it when the load has ended. */
  close(): void {
    clearTimeout(this.#timer);
    this.#isDetached = true;
  }
}
