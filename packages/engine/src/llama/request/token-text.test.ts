import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { TokenDecoder, TokenTexts } from './token-text.ts';

const THINK_END = 1000;
const SILENT = 1001;

/** Tokens 0 to 255 are bytes; two control tokens, of which one is a marker. */
const texts = new TokenTexts(
  {
    bytesOf: (token) =>
      token < 256 ? Uint8Array.of(token) : new TextEncoder().encode(`<${token}>`),
    isControl: (token) => token >= 256,
    hidesFirstSpace: false,
  },
  new Set([THINK_END]),
);

const decode = (tokens: readonly number[]): string => {
  const decoder = new TokenDecoder(texts, { startsText: true });
  return tokens.map((token) => decoder.push(token)).join('') + decoder.end();
};

describe('text from tokens', () => {
  test('is the same token by token as in one piece, for all bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(decode([...bytes])).toBe(
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test('emits a character with its last byte', () => {
    const decoder = new TokenDecoder(texts, { startsText: true });

    expect([0xf0, 0x9f, 0x99, 0x82].map((byte) => decoder.push(byte))).toEqual(['', '', '', '🙂']);
  });

  test('contains a marker after an incomplete character', () => {
    expect(decode([0xf0, 0x9f, THINK_END, 0x41])).toBe('\ufffd<1000>A');
  });

  test('omits control tokens that are not markers, also in the middle of a character', () => {
    expect(decode([0xc3, SILENT, 0xa9])).toBe('é');
  });
});
