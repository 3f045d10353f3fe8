import type { Every } from './every.ts';

const TICK_MS = 250;
/** Ticks that come later than this say that the process did not run. */
const LATE_MS = 1000;
/** Nothing here waits longer than a day. */
const KEEP_MS = 86_400_000;

interface Pause {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Tells how long this process has really waited (behaviour 29): time in which it was stopped, or could not run, is not
 * time in which somebody failed to answer it.
 */
export class AwakeClock {
  readonly #nowMs: () => number;
  readonly #pauses: Pause[] = [];
  #lastTickMs: number;

  constructor(every: Every, nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#lastTickMs = nowMs();
    // For as long as the process lives.
    every(TICK_MS, () => this.#tick());
  }

  /** Monotonic milliseconds, pauses included. */
  nowMs(): number {
    return this.#nowMs();
  }

  /** Milliseconds since `sinceMs` (as `nowMs` gave it) in which this process ran. */
  elapsedMs(sinceMs: number): number {
    this.#tick();
    const nowMs = this.#lastTickMs;
    const pausedMs = this.#pauses.map(({ fromMs, toMs }) =>
      Math.max(0, toMs - Math.max(fromMs, sinceMs)),
    );
    return Math.max(0, nowMs - sinceMs - pausedMs.reduce((total, ms) => total + ms, 0));
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lastTickMs > LATE_MS) {
      this.#pauses.push({ fromMs: this.#lastTickMs + TICK_MS, toMs: nowMs });
    }
    this.#lastTickMs = nowMs;
    while ((this.#pauses[0]?.toMs ?? nowMs) < nowMs - KEEP_MS) this.#pauses.shift();
  }
}
