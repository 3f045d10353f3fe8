import { expect, test } from 'bun:test';

import { bypassProxy, isLoopbackUrl } from './bypass-proxy.ts';

test.each([
  [{}, '127.0.0.1'],
  [{ NO_PROXY: 'corp.example' }, 'corp.example,127.0.0.1'],
  [{ NO_PROXY: 'unused', no_proxy: 'corp.example' }, 'corp.example,127.0.0.1'],
  [{ NO_PROXY: 'corp.example', no_proxy: '' }, 'corp.example,127.0.0.1'],
  [{ NO_PROXY: '127.0.0.1' }, '127.0.0.1'],
])('the host is added to %p in both spellings of NO_PROXY', (given, hosts) => {
  const env: Record<string, string | undefined> = { ...given };

  bypassProxy('http://127.0.0.1:31313', env);

  expect(env).toEqual({ NO_PROXY: hosts, no_proxy: hosts });
});

test('only localhost and loopback addresses are loopback URLs', () => {
  const isLoopback = (host: string): boolean => isLoopbackUrl(`http://${host}:31313`);

  expect(['localhost', '127.0.0.1', '127.8.9.1', '[::1]'].filter(isLoopback)).toHaveLength(4);
  expect(['beast', '192.168.1.2', '127.example.org', '[fe80::1]'].filter(isLoopback)).toEqual([]);
});
