import { expect, test } from 'bun:test';

import fc from 'fast-check';

import { cutAtSpecials } from './special-cuts.ts';

const SPECIALS = ['<a>', '<a><b>', '1', '11', '|end|', '+'];

test('pieces are the text, and each but the last ends with a special token and without white space behind', () => {
  const part = fc.constantFrom(...SPECIALS, ' ', 'word', 'x\n', 'żółć'.repeat(50));

  fc.assert(
    fc.property(fc.array(part, { minLength: 500, maxLength: 3000, size: 'max' }), (parts) => {
      const text = parts.join('');
      const pieces = cutAtSpecials(text, SPECIALS);

      expect(pieces.join('')).toBe(text);
      for (const [index, piece] of pieces.slice(0, -1).entries()) {
        expect(SPECIALS.some((special) => piece.endsWith(special))).toBe(true);
        expect(pieces[index + 1]).toMatch(/^\S/);
      }
    }),
    { numRuns: 20 },
  );
});

test('no cut is made where a longer token could be meant', () => {
  expect(cutAtSpecials('1'.repeat(20_000), SPECIALS)).toHaveLength(1);
  expect(cutAtSpecials('<a><b>'.repeat(5_000), ['<a>', '<a><b>'])).toHaveLength(1);
});

test('a text of special tokens that stand alone is cut into small pieces', () => {
  const pieces = cutAtSpecials('word<a>'.repeat(5_000), ['<a>']);

  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(3_000);
});
