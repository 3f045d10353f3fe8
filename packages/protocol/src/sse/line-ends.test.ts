import { describe, expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { LineEnds } from './line-ends.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function pushAll(...chunks: readonly Uint8Array[]): string[] {
  const ends = new LineEnds();
  return chunks.map((chunk) => decoder.decode(ends.push(chunk)));
}

const push = (...chunks: readonly string[]): string[] => pushAll(...chunks.map(bytes));

describe('LineEnds', () => {
  test('returns a chunk without CR, and one whose CRs are all followed by LF, without a copy', () => {
    for (const text of ['data: 1\n\n', 'data: 1\r\n\r\n']) {
      const chunk = bytes(text);

      expect(new LineEnds().push(chunk)).toBe(chunk);
    }
  });

  test('turns a CR that ends a line alone into LF, and leaves the chunk of the caller unchanged', () => {
    const chunk = bytes('data: 1\r\rdata: 2\r\n\r\n');

    expect(decoder.decode(new LineEnds().push(chunk))).toBe('data: 1\n\ndata: 2\r\n\r\n');
    expect(decoder.decode(chunk)).toBe('data: 1\r\rdata: 2\r\n\r\n');
  });

  test('keeps a CRLF that is split over two chunks', () => {
    expect(push('data: 1\r', '\n\r', '\ndata: 2')).toEqual(['data: 1', '\r\n', '\r\ndata: 2']);
  });

  test('does not hold an event back once the stream has ended a line with CR alone', () => {
    expect(push('data: 1\r\r', 'data: 2\r', '\r')).toEqual(['data: 1\n\n', 'data: 2\n', '\n']);
  });

  test('reads CR and LF as one line end in a stream that has ended a line with CR alone', () => {
    expect(push('a\rb\r', '', '\nc')).toEqual(['a\nb\n', '', 'c']);
  });

  test('removes a byte order mark at the start of the stream only', () => {
    expect(push('\uFEFFdata: \uFEFF1\n\n', '\uFEFF\n')).toEqual(['data: \uFEFF1\n\n', '\uFEFF\n']);
  });

  test.each([
    ['a character that begins like a byte order mark', '\uFEFE\n'],
    ['a part of a byte order mark', '\uFEFF'],
  ])('passes %s byte by byte', (_, text) => {
    const singles = Array.from(bytes(`${text}x`), (byte) => new Uint8Array([byte]));

    expect(pushAll(...singles).join('')).toBe(`${text.replace('\uFEFF', '')}x`);
  });

  test('gives the same lines for every stream and every chunking', () => {
    const lines = (text: string): string => text.replaceAll(/\r\n?/g, '\n');
    const piece = fc.constantFrom('a', '\n', '\r', '\r\n', 'data: x', '\r\r');
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.nat({ max: 60 })), (pieces, places) => {
        // The last character is no line end, so that nothing is held.
        const text = `${pieces.join('')}.`;
        const whole = bytes(text);
        const ends = places.map((place) => place % whole.length).toSorted((a, b) => a - b);
        const chunks = [...ends, whole.length].map((end, at) =>
          whole.slice(ends[at - 1] ?? 0, end),
        );

        expect(lines(pushAll(...chunks).join(''))).toBe(lines(text));
      }),
      { numRuns: 500 },
    );
  });
});
