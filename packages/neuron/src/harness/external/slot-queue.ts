import { PrincipalQueue } from '@cortex/engine';

interface Waiting {
  readonly principal: string;
  /** Slots that it takes. */
  readonly weight: number;
  readonly start: () => void;
}

/**
 * The slots of a model on an external server. Requests that wait are served round-robin between principals, in the
 * order that our own engine uses (behaviour 43).
 */
export class SlotQueue {
  readonly #waiting = new PrincipalQueue<Waiting>();
  #slots: number;
  #used = 0;

  constructor(slots: number) {
    this.#slots = slots;
  }

  /** A changed number applies to the next requests. */
  resize(slots: number): void {
    this.#slots = slots;
    this.#serve();
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for `weight` slots.
   *
   * @returns a function that frees them; only its first call has an effect
   * @throws the reason of `signal` when that aborts first
   */
  async acquire(
    { principal, weight }: { readonly principal: string; readonly weight: number },
    signal: AbortSignal,
  ): Promise<() => void> {
    signal.throwIfAborted();
    const started = Promise.withResolvers<void>();
    const entry: Waiting = { principal, weight, start: started.resolve };
    const leave = (): void => {
      if (this.#waiting.remove(entry)) started.reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#waiting.add(entry);
    this.#serve();
    try {
      await started.promise;
    } finally {
      signal.removeEventListener('abort', leave);
      // The next one may fit where this one did not.
      this.#serve();
    }
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#used -= weight;
      this.#serve();
    };
  }

  #serve(): void {
    for (;;) {
      const next = this.#waiting.take(
        ({ weight }) => weight <= this.#slots - this.#used || this.#used === 0,
      );
      if (!next) return;
      this.#used += next.weight;
      next.start();
    }
  }
}
