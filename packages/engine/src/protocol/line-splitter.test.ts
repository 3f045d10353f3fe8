import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { LineSplitter } from './line-splitter.ts';

/** `bytes` cut at `cuts`. */
function chunksOf(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

describe('LineSplitter', () => {
  test('every chunking gives the same lines', () => {
    const line = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !text.includes('\n'));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat()), (lines, cuts) => {
        const bytes = new TextEncoder().encode(lines.map((text) => `${text}\n`).join(''));
        const splitter = new LineSplitter();

        const read = chunksOf(bytes, cuts).flatMap((chunk) => splitter.push(chunk));

        expect(read).toEqual(lines);
        expect(splitter.end()).toBeUndefined();
      }),
    );
  });

  test('empty lines are dropped, and an incomplete line waits', () => {
    const splitter = new LineSplitter();

    expect(splitter.push(Buffer.from('\n\na\n\nb'))).toEqual(['a']);
    expect(splitter.end()).toBe('b');
  });

  test('a line over the limit is refused in every chunking', () => {
    const splitter = new LineSplitter(10);
    splitter.push(Buffer.from('12345678'));

    expect(() => splitter.push(Buffer.from('9abc'))).toThrow('longer than 10');
  });
});
