import { expect, test } from 'bun:test';

import { assertFetchLimit } from './fetch-limit.ts';

test.each([undefined, '', '256', 'many'])(
  'a limit of %p stops the start, naming the variable',
  (limit) => {
    expect(() => assertFetchLimit({ BUN_CONFIG_MAX_HTTP_REQUESTS: limit })).toThrow(
      'BUN_CONFIG_MAX_HTTP_REQUESTS must be at least 65336',
    );
  },
);

test('the limit that the launcher sets is enough', () => {
  expect(() => assertFetchLimit({ BUN_CONFIG_MAX_HTTP_REQUESTS: '65336' })).not.toThrow();
});
