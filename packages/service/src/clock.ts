/** Time, replaceable in tests. */
export interface Clock {
  /** Milliseconds that never go back; only differences mean anything. */
  nowMs(): number;
  /** Calls `run` once after `delayMs`, unless the returned function is called first. */
  setTimer(delayMs: number, run: () => void): () => void;
  /**
   * Calls `run` about every `everyMs` (to 250 ms) until the returned function is called.
   *
   * All callers share one timer, which keeps no process alive.
   */
  every(everyMs: number, run: () => void): () => void;
}
