/** How long a load goes on after the last one who waited for it has left. */
const ABANDON_MS = 30_000;

/**
 * Who waits for a load (contracts, section 3).
 *
 * A load that nobody waits for any more and nobody asked for in his own name is given up after 30 s. One detached
 * caller keeps it for good.
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

  get count(): number {
    return this.#count;
  }

  /** A caller that does not wait, or whose leaving means nothing. */
  detach(): void {
    this.#isDetached = true;
    clearTimeout(this.#timer);
  }

  /** Waits for `outcome` until `signal` aborts; rejects with its reason then. */
  async wait<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    clearTimeout(this.#timer);
    this.#count += 1;
    try {
      return await Promise.race([outcome, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      this.#count -= 1;
      if (this.#count === 0 && !this.#isDetached) {
        this.#timer = setTimeout(this.#onAbandoned, this.#abandonMs);
      }
    }
  }

  /** The load has ended: nothing is left to give up. */
  close(): void {
    clearTimeout(this.#timer);
    this.#isDetached = true;
  }
}
