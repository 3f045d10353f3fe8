import { expect, test } from 'bun:test';

import { missingTests, readRules, unshown, wholeNumbers } from './numbered-rules.ts';

const BEHAVIOURS = readRules('docs/behaviours.md');

test('docs/behaviours.md has every behaviour from 1 to 53, each with a test', () => {
  const numbers = BEHAVIOURS.map(({ number }) => number);

  expect(wholeNumbers(BEHAVIOURS)).toEqual(Array.from({ length: 53 }, (_, index) => index + 1));
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(unshown(BEHAVIOURS)).toEqual([]);
});

test('docs/behaviours.md names tests that exist', () => {
  expect(BEHAVIOURS.flatMap(({ proofs }) => proofs).length).toBeGreaterThan(100);
  expect(missingTests(BEHAVIOURS)).toEqual([]);
});
