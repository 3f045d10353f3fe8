import { z } from 'zod';

/**
 * Upper limit of a configured duration, about 11 days.
 *
 * A timer of the runtime waits for at most 24 days: a longer delay ends after one millisecond. Some deadlines are sums.
 */
export const MAX_SECONDS = 1_000_000;

/** A duration in seconds; 0 is allowed. */
export const seconds = () => z.number().min(0).max(MAX_SECONDS);
/** A duration in seconds; 0 is not allowed. */
export const positiveSeconds = () => z.number().positive().max(MAX_SECONDS);
