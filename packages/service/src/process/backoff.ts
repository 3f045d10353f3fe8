/** Exponential back-off between attempts. */
export interface Backoff {
  /** Milliseconds to wait before the next attempt; doubles with each call. */
  next(): number;
  /** Call it after a success: the next pause is the first one again. */
  reset(): void;
}

/** Pauses of `firstMs`, twice that, … up to `maxMs`. */
export function backoff({ firstMs, maxMs }: { firstMs: number; maxMs: number }): Backoff {
  let pauseMs = firstMs;
  return {
    next() {
      const nextMs = Math.min(pauseMs, maxMs);
      pauseMs = Math.min(pauseMs * 2, maxMs);
      return nextMs;
    },
    reset() {
      pauseMs = firstMs;
    },
  };
}
