import { expect, test } from 'bun:test';

import { isValidHost, routePath } from './request-target.ts';

test.each([
  ['http://a/v1/models', '/v1/models'],
  ['http://a:1/v1/models?x=/y//z', '/v1/models'],
  ['http://a//v1///models', '/v1/models'],
  ['http://a/v1/models/', '/v1/models'],
  ['http://a/v1/models//', '/v1/models'],
  ['http://a/', '/'],
  ['http://a//', '/'],
  ['http://a?x', '/'],
  ['http://a', '/'],
  ['http://a/health#part', '/health'],
  ['http://a/v1/models/org%2Fname', '/v1/models/org%2Fname'],
  // Without a valid Host the URL is only the request target.
  ['/health', '/health'],
  ['//evil.example/v1', '/evil.example/v1'],
  ['/v1/models?a=http://b/c', '/v1/models'],
])('a request for %s is routed by the path %s', (url, path) => {
  expect(routePath({ url })).toBe(path);
});

test.each(['a', 'a:1', 'a.b-c_d:65535', '10.0.0.1', '[::1]:80', '[fe80::1]', 'a.', 'a:'])(
  'the Host %p is valid',
  (host) => {
    expect(isValidHost(host)).toBe(true);
  },
);

test.each([
  'a b',
  'a/b',
  'a@b',
  '[::1',
  '[x]',
  '::1',
  'a:65536',
  'a:x',
  ':80',
  'a, b',
  'ä',
  'a:1:2',
])('the Host %p is not valid', (host) => {
  expect(isValidHost(host)).toBe(false);
});
