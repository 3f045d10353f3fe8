import { expect, test } from 'bun:test';

import { isLoopbackUrl } from './proxy-for.ts';

test('only localhost and loopback addresses are loopback URLs', () => {
  const isLoopback = (host: string): boolean => isLoopbackUrl(`http://${host}:31313`);

  expect(['localhost', '127.0.0.1', '127.8.9.1', '[::1]'].filter(isLoopback)).toHaveLength(4);
  expect(['beast', '192.168.1.2', '127.example.org', '[fe80::1]'].filter(isLoopback)).toEqual([]);
});
