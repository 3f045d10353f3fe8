import { expect, test } from 'bun:test';

import { ConfigError } from '../config/config-error.ts';

import { parseListen } from './listen.ts';

test.each([
  ['127.0.0.1:31313', '127.0.0.1', 31_313],
  ['0.0.0.0:0', '0.0.0.0', 0],
  ['localhost:80', 'localhost', 80],
  ['[::1]:0', '::1', 0],
  ['[::]:65535', '::', 65_535],
])('the address %s is parsed', (text, hostname, port) => {
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
  '*:1',
  'http://a:1',
])('the address %p is refused with an error that names the key', (text) => {
  expect(() => parseListen(text, 'gateway.listen')).toThrow(ConfigError);
  expect(() => parseListen(text, 'gateway.listen')).toThrow(/^gateway\.listen = /);
});

test.each([
  [':49390', '"127.0.0.1:49390" for this machine only, "0.0.0.0:49390" for every address'],
  ['*:49390', '"127.0.0.1:49390" for this machine only, "0.0.0.0:49390" for every address'],
  ['49390', '"127.0.0.1:49390" for this machine only, "0.0.0.0:49390" for every address'],
  ['fe80::1:80', '"[fe80::1]:80"'],
  ['localhost', 'host:port, such as 127.0.0.1:31313'],
  ['localhost:99999', 'host:port, such as 127.0.0.1:31313'],
])('the error for the address %p says what to write', (text, advice) => {
  const origins = new Map([['listen', 'neuron.toml:3']]);

  expect(() => parseListen(text, 'listen', origins)).toThrow(
    `neuron.toml:3: listen = "${text}" is not an address: write ${advice}`,
  );
});
