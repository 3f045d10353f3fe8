/** How often a transfer is tried again, and after which pauses. */
import { type CortexError, toCortexError } from '@cortex/protocol';

import type { Pause } from '../../pause.ts';

/** Failures in a row without progress, after which a transfer gives up. */
const MAX_FAILURES = 6;
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

export class RetryBudget {
  #failures = 0;
  #bestBytes = 0;

  /** Failures are counted from zero again once the transfer has more bytes than it ever had. */
  reached(bytes: number): void {
    if (bytes <= this.#bestBytes) return;
    this.#bestBytes = bytes;
    this.#failures = 0;
  }

  /**
   * The pause before the next attempt: 1 s, 2 s, … 30 s, or longer if the server says so.
   *
   * @throws `error` if it is permanent, or the last of too many
   */
  afterFailure(error: CortexError): number {
    this.#failures += 1;
    if (!error.isRetryable || this.#failures >= MAX_FAILURES) throw error;
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    return Math.max(pauseMs, (error.details.retryAfterS ?? 0) * 1000);
  }
}

/** Repeats `act` until it succeeds. @throws CortexError its last failure; the reason of `signal` */
export async function withRetries<T>(
  act: () => Promise<T>,
  { signal, pause }: { readonly signal: AbortSignal; readonly pause: Pause },
): Promise<T> {
  const budget = new RetryBudget();
  for (;;) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      await pause(budget.afterFailure(toCortexError(error)), signal);
    }
  }
}
