import { expect, test } from 'bun:test';

import { createRequestId, requestIdOf } from './request-id.ts';

test.each(['a', 'req_1:2.3-4', 'x'.repeat(128)])(
  'the request id %p of the client is kept',
  (id) => {
    expect(requestIdOf(new Headers({ 'x-request-id': id }))).toBe(id);
  },
);

test.each(['', 'a b', 'ü', 'a/b', '"', 'x'.repeat(129)])(
  'the request id %p of the client is replaced',
  (id) => {
    expect(requestIdOf(new Headers({ 'x-request-id': id }))).toMatch(/^req_[A-Za-z0-9]{24}$/);
  },
);

test('new request ids differ, and use every letter and digit', () => {
  const ids = Array.from({ length: 1000 }, createRequestId);

  expect(new Set(ids).size).toBe(1000);
  expect(new Set(ids.join('').replaceAll('req_', '')).size).toBe(62);
});
