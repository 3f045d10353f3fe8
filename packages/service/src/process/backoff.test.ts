import { expect, test } from 'bun:test';

import { backoff } from './backoff.ts';

test('back-off pauses double up to the maximum, and start again after a success', () => {
  const pause = backoff({ firstMs: 100, maxMs: 350 });

  expect([pause.next(), pause.next(), pause.next(), pause.next()]).toEqual([100, 200, 350, 350]);
  pause.reset();
  expect(pause.next()).toBe(100);
});
