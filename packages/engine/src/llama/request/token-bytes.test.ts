import { expect, test } from 'bun:test';

import { tokenBytes } from './token-bytes.ts';

test.each([
  [' café', 'Ġcafé', [32, 99, 97, 102, 195, 169]],
  ['\ufffd', 'ðŁ', [0xf0, 0x9f]],
  ['\ufffd', '<0xE2>', [0xe2]],
  ['a\ufffd', 'aâ', [97, 0xe2]],
])('%j, spelled %s, is %j', (text, piece, bytes) => {
  expect(tokenBytes(text, piece)).toEqual(bytes);
});
