/**
 * The bytes behind the printable stand-ins of a byte-level vocabulary: printable Latin-1 stands for itself, the other
 * bytes for the characters from U+0100 on, in order (GPT-2's `bytes_to_unicode`).
 */
const BYTE_OF_CHARACTER = byteAlphabet();
const CHARACTER_OF_BYTE = new Map(Array.from(BYTE_OF_CHARACTER, ([text, byte]) => [byte, text]));

/** Bytes as a byte-level vocabulary spells them. */
export const spellBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => CHARACTER_OF_BYTE.get(byte) ?? '').join('');

/**
 * The bytes of one token, which may be a part of a character.
 *
 * @param text - The token as text; where that is whole its UTF-8 is the answer.
 * @param piece - The token as the vocabulary spells it: byte-level, or `<0xE2>`.
 */
export function tokenBytes(text: string, piece: string): readonly number[] {
  if (!text.includes('\ufffd')) return [...Buffer.from(text)];
  const byte = /^<0x([0-9A-F]{2})>$/i.exec(piece)?.[1];
  if (byte !== undefined) return [Number.parseInt(byte, 16)];
  const bytes = Array.from(piece, (character) => BYTE_OF_CHARACTER.get(character));
  return bytes.every((value) => value !== undefined) ? bytes : [...Buffer.from(text)];
}

function byteAlphabet(): ReadonlyMap<string, number> {
  let next = 0x100;
  const alphabet = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
    alphabet.set(String.fromCodePoint(isPrintable ? byte : next++), byte);
  }
  return alphabet;
}
