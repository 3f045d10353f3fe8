import { expect, test } from 'bun:test';

import fc from 'fast-check';

import { packVector, unpackVector } from './packed-vector.ts';
import { MAX_LINE_CHARS } from './version.ts';

test('a vector of 32-bit floats survives packing', () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.array(float), (vector) => {
      expect(unpackVector(packVector(vector))).toEqual(vector);
    }),
  );
});

test('the largest embeddings answer that a client may request fits into one line', () => {
  const packed = packVector(Array.from({ length: 4096 }, () => 0.1));

  expect(2048 * packed.length).toBeLessThan(MAX_LINE_CHARS / 2);
});

test('a vector may also be a list of numbers', () => {
  expect(unpackVector([0.5, -1])).toEqual([0.5, -1]);
});

test.each([[7], [{}], [null], ['AAA='], [['0.5']]])('%p is not a vector', (wire) => {
  expect(() => unpackVector(wire)).toThrow('vector');
});
