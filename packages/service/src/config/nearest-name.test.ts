import { expect, test } from 'bun:test';

import { nearestName } from './nearest-name.ts';

test('the nearest name is the one with the fewest edits, whatever the case', () => {
  expect(nearestName('Lisen', ['metrics_listen', 'listen', 'lint'])).toBe('listen');
});

test('nothing is near where more than a third differs', () => {
  expect(nearestName('port', ['listen', 'name'])).toBeUndefined();
  expect(nearestName('x', [])).toBeUndefined();
});
