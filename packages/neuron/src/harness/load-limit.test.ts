import { expect, test } from 'bun:test';

import { loadLimitMs } from './load-limit.ts';

test('the deadline of a load grows with the size of its file, at 10 MB/s', () => {
  const limits = [undefined, 0, 5e9, 100e9].map((bytes) => loadLimitMs(1_800_000, bytes) / 1000);

  expect(limits).toEqual([1800, 1800, 2300, 11_800]);
});
