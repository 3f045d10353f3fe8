import { expect, test } from 'bun:test';

import { withProxyExceptions } from './proxy-exceptions.ts';

test.each([
  [{}, '127.0.0.1,[::1]'],
  [{ NO_PROXY: 'corp.example' }, 'corp.example,127.0.0.1,[::1]'],
  [{ NO_PROXY: 'unused', no_proxy: 'corp.example' }, 'corp.example,127.0.0.1,[::1]'],
  [{ NO_PROXY: 'corp.example', no_proxy: '' }, 'corp.example,127.0.0.1,[::1]'],
  [{ NO_PROXY: ' [::1] ,, ' }, '[::1],127.0.0.1'],
])('hosts are added to the exceptions of %p in both spellings of NO_PROXY', (env, hosts) => {
  const variables = withProxyExceptions(env, ['127.0.0.1', '[::1]']);

  expect(variables).toEqual({ NO_PROXY: hosts, no_proxy: hosts });
});
