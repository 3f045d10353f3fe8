import { type Clock } from './clock.ts';

/** Accuracy of a tick: keep-alive intervals and idle limits are seconds long. */
const GRANULARITY_MS = 250;

interface Entry {
  readonly everyMs: number;
  readonly run: () => void;
  dueMs: number;
}

/**
 * One timer per process for all periodic work of coarse accuracy (behaviour 4a).
 *
 * It runs only while it has entries.
 */
export class Ticker {
  readonly #clock: Pick<Clock, 'nowMs' | 'setTimer'>;
  readonly #onError: (error: unknown) => void;
  readonly #entries = new Set<Entry>();
  #cancelTimer: (() => void) | undefined;

  constructor(
    clock: Pick<Clock, 'nowMs' | 'setTimer'>,
    onError: (error: unknown) => void = (error) =>
      queueMicrotask(() => {
        throw error;
      }),
  ) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /**
   * Calls `run` about every `everyMs` (to 250 ms) until the returned function is called, which may be more than
   * once.
   */
  every(everyMs: number, run: () => void): () => void {
    const entry: Entry = { everyMs, run, dueMs: this.#clock.nowMs() + everyMs };
    this.#entries.add(entry);
    if (this.#cancelTimer === undefined) this.#schedule();
    return () => {
      this.#entries.delete(entry);
      if (this.#entries.size > 0) return;
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
    };
  }

  #schedule(): void {
    this.#cancelTimer = this.#clock.setTimer(GRANULARITY_MS, () => {
      this.#schedule();
      this.#tick();
    });
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs();
    for (const entry of this.#entries) {
      if (entry.dueMs > nowMs) continue;
      entry.dueMs = nowMs + entry.everyMs;
      try {
        entry.run();
      } catch (error) {
        // An entry that throws must not stop the others.
        this.#onError(error);
      }
    }
  }
}
