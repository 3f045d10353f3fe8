import type { Every } from './every.ts';

const TICK_MS = 250;
/** A tick that is later than this means that the process did not run. */
const LATE_MS = 1000;
/** History to keep: no wait in this daemon is longer than a day. */
const KEEP_MS = 86_400_000;

interface Pause {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Measures time in which this process ran (behaviour 29). Time in which it was stopped or got no CPU does not count
 * as waiting for an answer.
 */
export class AwakeClock {
  readonly #nowMs: () => number;
  readonly #pauses: Pause[] = [];
  #lastTickMs: number;

  constructor(every: Every, nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#lastTickMs = nowMs();
    // Runs for the lifetime of the process.
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
