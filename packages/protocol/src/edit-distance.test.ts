import { expect, test } from 'bun:test';

import { editDistance } from './edit-distance.ts';

test.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['abc', '', 3],
  ['listen', 'lisen', 1],
  ['kitten', 'sitting', 3],
])('%j and %j have an edit distance of %i', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

test('an edit distance above the limit is given as the limit plus one', () => {
  expect(editDistance('kitten', 'sitting', 2)).toBe(3);
  expect(editDistance('a', 'abcdefgh', 2)).toBe(3);
});
