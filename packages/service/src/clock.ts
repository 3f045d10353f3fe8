/** Time, replaceable in tests. */
export interface Clock {
  /** Monotonic milliseconds; only differences are meaningful. */
  nowMs(): number;
  /** Calls `run` once after `delayMs`, unless the returned function is called first. */
  setTimer(delayMs: number, run: () => void): () => void;
  /**
   * Calls `run` about every `everyMs` (accurate to 250 ms) until the returned function is called.
   *
   * All callers share one timer, which does not keep the process alive.
   */
  every(everyMs: number, run: () => void): () => void;
}
