/** How exact a tick is: keep-alives and idle deadlines are seconds long. */
const GRANULARITY_MS = 250;

/** Source of time, so that tests move it by hand. */
export interface TickSource {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Calls `tick` every `ms` until the returned function is called. */
  repeat(tick: () => void, ms: number): () => void;
}

const SYSTEM: TickSource = {
  nowMs: () => performance.now(),
  repeat(tick, ms) {
    const timer = setInterval(tick, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

interface Entry {
  readonly ms: number;
  readonly run: () => void;
  dueMs: number;
}

/**
 * One timer a process for everything that is due after about so many milliseconds (behaviour 4a).
 *
 * It runs only while something waits for it, and keeps no process alive.
 */
export class Ticker {
  readonly #source: TickSource;
  readonly #onError: (error: unknown) => void;
  readonly #entries = new Set<Entry>();
  #stop: (() => void) | undefined;

  constructor(
    source: TickSource = SYSTEM,
    onError: (error: unknown) => void = (error) =>
      queueMicrotask(() => {
        throw error;
      }),
  ) {
    this.#source = source;
    this.#onError = onError;
  }

  /** Calls `run` about every `ms` (to 250 ms) until the returned function is called, which may be more than once. */
  every(ms: number, run: () => void): () => void {
    const entry: Entry = { ms, run, dueMs: this.#source.nowMs() + ms };
    this.#entries.add(entry);
    this.#stop ??= this.#source.repeat(() => this.#tick(), GRANULARITY_MS);
    return () => {
      this.#entries.delete(entry);
      if (this.#entries.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #tick(): void {
    const nowMs = this.#source.nowMs();
    for (const entry of this.#entries) {
      if (entry.dueMs > nowMs) continue;
      entry.dueMs = nowMs + entry.ms;
      try {
        entry.run();
      } catch (error) {
        // One that throws must not keep the others from running.
        this.#onError(error);
      }
    }
  }
}

/** The ticker of this process. */
export const ticker = new Ticker();
