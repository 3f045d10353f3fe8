import { expect, test } from 'bun:test';

import { ConfigError } from '../config/config-error.ts';

import { parseListen } from './listen.ts';

test.each([
  ['127.0.0.1:31313', '127.0.0.1', 31_313],
  ['0.0.0.0:0', '0.0.0.0', 0],
  ['localhost:80', 'localhost', 80],
  ['[::1]:0', '::1', 0],
  ['[::]:65535', '::', 65_535],
])('%s is read', (text, hostname, port) => {
  expect(parseListen(text, 'listen')).toEqual({ hostname, port });
});

test.each([
  '',
  '31313',
  ':31313',
  '127.0.0.1',
  '127.0.0.1:',
  '::1:80',
  '[x]:80',
  'a:65536',
  'a:-1',
  'a:1 ',
  'http://a:1',
])('%p is refused, naming the key', (text) => {
  expect(() => parseListen(text, 'gateway.listen')).toThrow(ConfigError);
  expect(() => parseListen(text, 'gateway.listen')).toThrow(/^gateway\.listen: /);
});
