import { expect, test } from 'bun:test';

import { editDistance, nearestName } from './nearest-name.ts';

test.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['abc', '', 3],
  ['listen', 'lisen', 1],
  ['kitten', 'sitting', 3],
])('%j and %j are %i edits apart', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

test('the nearest name is the one with the fewest edits, whatever the case', () => {
  expect(nearestName('Lisen', ['metrics_listen', 'listen', 'lint'])).toBe('listen');
});

test('nothing is near where more than a third differs', () => {
  expect(nearestName('port', ['listen', 'name'])).toBeUndefined();
  expect(nearestName('x', [])).toBeUndefined();
});
