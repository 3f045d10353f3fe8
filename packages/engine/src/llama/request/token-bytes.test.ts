import { expect, test } from 'bun:test';

import { readSpelling, type Spelling, spellsCharacters } from './token-bytes.ts';

const ORDINARY = { isAdded: false, isByte: false };

test.each<[string, Spelling, readonly number[]]>([
  ['ĠcafÃ©', 'bytes', [32, 99, 97, 102, 195, 169]],
  ['ðŁ', 'bytes', [0xf0, 0x9f]],
  ['▁▁the', 'characters', [32, 32, 116, 104, 101]],
  ['é', 'characters', [195, 169]],
  [String.raw`\xe4\xbd\n\\x`, 'escapes', [0xe4, 0xbd, 10, 92, 120]],
  ["a\\'é", 'escapes', [97, 39, 195, 169]],
])('the token %j with the spelling %s has the bytes %j', (spelled, spelling, bytes) => {
  expect([...readSpelling(spelled, spelling, ORDINARY)]).toEqual([...bytes]);
});

test('a byte token has the byte in its name, and an added token has its name as bytes', () => {
  expect([...readSpelling('<0xE2>', 'characters', { isAdded: false, isByte: true })]).toEqual([
    0xe2,
  ]);
  expect([...readSpelling('Ġ', 'bytes', { isAdded: true, isByte: false })]).toEqual([0xc4, 0xa0]);
});

test('the first letter of most words shows the spelling of a vocabulary', () => {
  expect(spellsCharacters(['▁the', '▁a', 'b'])).toBe(true);
  expect(spellsCharacters(['Ġthe', 'Ġa', '<｜begin▁of▁sentence｜>', '▁'])).toBe(false);
});
