/** Bucket bounds of the histograms (contracts, section 5). */

/** Seconds, for whole requests and for loads. */
export const DURATION_BUCKETS_S: readonly number[] = [
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
];
/** Seconds, for the time to the first token and for waiting for a slot. */
export const LATENCY_BUCKETS_S: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
];
/** Seconds between two tokens. */
export const TOKEN_BUCKETS_S: readonly number[] = [
  0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2,
];
/** Tokens per second of one request. */
export const RATE_BUCKETS: readonly number[] = [1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 250, 500];
