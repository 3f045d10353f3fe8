import { expect, test } from 'bun:test';

import { ConfigError } from '../config/config-error.ts';

import { listenAddress, parseListen } from './listen-address.ts';

test.each([
  ['127.0.0.1:31313', '127.0.0.1', 31_313],
  ['0.0.0.0:0', '0.0.0.0', 0],
  ['localhost:80', 'localhost', 80],
  ['gpu_box-1.example:80', 'gpu_box-1.example', 80],
  ['[::1]:0', '::1', 0],
  ['[::]:65535', '::', 65_535],
])('the address %s is parsed', (text, hostname, port) => {
  expect(parseListen(text)).toEqual({ hostname, port });
  expect(listenAddress().parse(text)).toBe(text);
});

const FOR_EVERY = '"127.0.0.1:8080" for this machine only, "0.0.0.0:8080" for every address';
const FORM = 'write host:port, such as 127.0.0.1:31313 or [::1]:31313';

test.each([
  ['', FORM],
  ['8080', `write ${FOR_EVERY}`],
  [':8080', `write ${FOR_EVERY}`],
  [':08080', `write ${FOR_EVERY}`],
  ['*:8080', `write ${FOR_EVERY}`],
  ['fe80::1:80', 'write "[fe80::1]:80"'],
  ['::1', 'the port is missing: write "[::1]:31313"'],
  ['localhost', `the port is missing; ${FORM}`],
  ['127.0.0.1', `the port is missing; ${FORM}`],
  ['[::1]', `the port is missing; ${FORM}`],
  ['[::1', `an IPv6 address is written in brackets; ${FORM}`],
  ['[::1:80', `an IPv6 address is written in brackets; ${FORM}`],
  ['[x]:80', `an IPv6 address is written in brackets; ${FORM}`],
  ['127.0.0.1:', `the port must be a number from 0 to 65535; ${FORM}`],
  ['localhost:http', `the port must be a number from 0 to 65535; ${FORM}`],
  ['localhost:65536', `the port must be a number from 0 to 65535; ${FORM}`],
  ['a:-1', `the port must be a number from 0 to 65535; ${FORM}`],
  ['a b:80', `"a b" is neither a host name nor an IP address; ${FORM}`],
  ['999.0.0.1:80', `"999.0.0.1" is neither a host name nor an IP address; ${FORM}`],
  ['127.1:80', `"127.1" is neither a host name nor an IP address; ${FORM}`],
  ['a..b:80', `"a..b" is neither a host name nor an IP address; ${FORM}`],
  ['-a:80', `"-a" is neither a host name nor an IP address; ${FORM}`],
  ['[127.0.0.1]:80', `an IPv6 address is written in brackets; ${FORM}`],
  ['a:1 ', 'remove the spaces around it'],
  ['http://a:1', `${FORM}, without "http://"`],
])('the address %p is refused, and the error says what to write', (text, advice) => {
  const message = `"${text}" is not an address: ${advice}`;

  expect(() => parseListen(text)).toThrow(new ConfigError(message));
  expect(
    listenAddress()
      .safeParse(text)
      .error?.issues.map((issue) => issue.message),
  ).toEqual([message]);
});
