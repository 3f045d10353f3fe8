import { CortexError } from '@cortex/protocol';

import type { EngineStats } from '../engine/stats.ts';

/** The `stats` of an engine as its owner receives them, and who waits for the next. */
export class ReceivedStats {
  #waiters: ((stats: EngineStats | CortexError) => void)[] = [];
  #last: { readonly atMs: number; readonly stats: EngineStats } | undefined;
  #lastStepAtMs: number | undefined;

  /** The last ones, and when they arrived, on the monotonic clock. */
  get last(): { readonly atMs: number; readonly stats: EngineStats } | undefined {
    return this.#last;
  }

  /** When the last known step ended, on the monotonic clock; absent before the first. */
  get lastStepAtMs(): number | undefined {
    return this.#lastStepAtMs;
  }

  /** A step has ended now. */
  addStep(): void {
    this.#lastStepAtMs = performance.now();
  }

  /** The next stats. Rejects if the connection ends before. */
  next(): Promise<EngineStats> {
    return new Promise((resolve, reject) => {
      this.#waiters.push((answer) =>
        answer instanceof CortexError ? reject(answer) : resolve(answer),
      );
    });
  }

  add(stats: EngineStats): void {
    const nowMs = performance.now();
    this.#last = { atMs: nowMs, stats };
    // Only the stats show steps without items, such as those of a long prefill or of embeddings.
    if (stats.lastStepAgeMs !== undefined)
      this.#lastStepAtMs = Math.max(this.#lastStepAtMs ?? 0, nowMs - stats.lastStepAgeMs);
    for (const waiter of this.#waiters.splice(0)) waiter(stats);
  }

  end(error: CortexError): void {
    for (const waiter of this.#waiters.splice(0)) waiter(error);
  }
}
