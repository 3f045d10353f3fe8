import { expect, test } from 'bun:test';

import { UsageOptions } from './usage-option.ts';

test('what a server has shown about stream_options is forgotten when it restarts', () => {
  const options = new UsageOptions();
  options.of(1).isTaken = false;

  expect(options.of(1).isTaken).toBe(false);
  expect(options.of(2).isTaken).toBeUndefined();
});
