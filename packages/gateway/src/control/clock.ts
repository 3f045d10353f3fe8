/** Time as control sees it: monotonic, and replaceable in tests. */
export interface Clock {
  /** Milliseconds that never go back; only differences mean anything. */
  nowMs(): number;
  /** Calls `run` once after `delayMs`, unless the returned function is called first. */
  setTimer(delayMs: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
