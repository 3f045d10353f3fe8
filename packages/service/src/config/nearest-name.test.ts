import { expect, test } from 'bun:test';

import { nearestName } from './nearest-name.ts';

test('the nearest name is the one with the fewest edits, ignoring case', () => {
  expect(nearestName('Lisen', ['metrics_listen', 'listen', 'lint'])).toBe('listen');
});

test('no name is near if more than a third of it differs', () => {
  expect(nearestName('port', ['listen', 'name'])).toBeUndefined();
  expect(nearestName('x', [])).toBeUndefined();
});
