import { expect, test } from 'bun:test';

import { KnownPieces } from './known-pieces.ts';

/** The 36 tokens of each piece; with its overhead a piece counts as 100. */
const TOKENS = Uint32Array.from({ length: 36 });

test('a text piece is tokenized once per kind until the cache drops it', () => {
  const known = new KnownPieces(200);
  const made: string[] = [];
  const ask = (piece: string, kind = 'plain') =>
    known.tokensOf(piece, kind, () => {
      made.push(`${kind} ${piece}`);
      return TOKENS;
    });

  for (const piece of ['one', 'two', 'one', 'three', 'one', 'two']) ask(piece);
  ask('one', 'special');

  expect(made).toEqual(['plain one', 'plain two', 'plain three', 'plain two', 'special one']);
});
