import { expect, test } from 'bun:test';

import { assertFetchLimit } from './fetch-limit.ts';

test.each([undefined, '', '256', 'many'])(
  'a fetch limit of %p stops the start with an error that names the variable',
  (limit) => {
    expect(() => assertFetchLimit({ BUN_CONFIG_MAX_HTTP_REQUESTS: limit })).toThrow(
      'BUN_CONFIG_MAX_HTTP_REQUESTS must be at least 65336',
    );
  },
);

test('the fetch limit that the launcher sets is accepted', () => {
  expect(() => assertFetchLimit({ BUN_CONFIG_MAX_HTTP_REQUESTS: '65336' })).not.toThrow();
});
