import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';

import { parseExactly, parseExactObject } from './exact-json.ts';

const digits = (length: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  length.chain((count) =>
    fc.string({
      unit: fc.constantFrom(...'0123456789'.split('')),
      minLength: count,
      maxLength: count,
    }),
  );

/** Numbers as JSON may spell them, the usual ones and the odd ones. */
const spelling = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: digits(fc.integer({ min: 1, max: 20 })).map((text) => text.replace(/^0+(?=\d)/, '')),
    fraction: fc.option(
      fc.oneof(digits(fc.integer({ min: 1, max: 20 })), fc.constantFrom('0', '50', '0000001')),
    ),
    exponent: fc.option(fc.constantFrom('e3', 'E-7', 'e+21', 'e0', 'e999')),
  })
  .map(
    ({ sign, whole, fraction, exponent }) =>
      `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent ?? ''}`,
  );

describe('Parsing with the spelling of numbers', () => {
  test('writes each number as it was, wherever it is', () => {
    const space = fc.constantFrom('', ' ', '\n\t');
    fc.assert(
      fc.property(spelling, space, (number, gap) => {
        for (const text of [
          `[${gap}${number}]`,
          `{"a":${gap}${number}}`,
          `[1,${gap}${number}${gap},2]`,
        ])
          expect(JSON.stringify(parseExactly(text))).toBe(text.replaceAll(/\s/g, ''));
      }),
      { numRuns: 2000 },
    );
  });

  test('gives usual numbers as numbers', () => {
    expect(parseExactly('{"a":[1,-2.5,0,123456789012345,0.000001],"b":"x: 1.0"}')).toEqual({
      a: [1, -2.5, 0, 123_456_789_012_345, 0.000_001],
      b: 'x: 1.0',
    });
  });

  test.each(['1.0', '[1.0]', '"{}"', 'null', '{', ''])('takes %j for no object', (text) => {
    expect(parseExactObject(text)).toBeUndefined();
  });
});
