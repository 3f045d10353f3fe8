import { expect, test } from 'bun:test';

import { isPublicAddress } from './public-address.ts';

test.each([
  '127.0.0.1',
  '127.8.8.8',
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '169.254.169.254',
  '172.31.255.255',
  '192.168.1.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '0:0:0:0:0:ffff:10.0.0.1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::1',
  'fd00::1',
  'fe80::1',
  'ff02::1',
  'localhost',
  '',
])('%p is not a public address', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(['1.1.1.1', '172.32.0.1', '193.0.0.1', '::ffff:8.8.8.8', '2606:4700::1111'])(
  '%p is a public address',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);
