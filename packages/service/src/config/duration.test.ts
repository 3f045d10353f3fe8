import { expect, test } from 'bun:test';

import { MAX_SECONDS, positiveSeconds, seconds } from './duration.ts';

/** A timer with a longer delay ends after one millisecond. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

test('a timer can wait for twice the longest duration that may be configured', () => {
  expect(2 * MAX_SECONDS * 1000).toBeLessThan(LONGEST_TIMER_MS);
});

test.each([3_000_000, 1e300])('a duration of %p s is refused', (value) => {
  expect(seconds().safeParse(value).success).toBe(false);
  expect(positiveSeconds().safeParse(value).success).toBe(false);
});
