/** How a vocabulary spells the bytes of a token. */
export type Spelling =
  /** Printable stand-ins for bytes (GPT-2 and most since). */
  | 'bytes'
  /** Characters, with U+2581 for a space and `<0xE2>` for a byte (SentencePiece, Gemma 4, WordPiece). */
  | 'characters'
  /** Characters, with escapes like those of a Python literal (RWKV). */
  | 'escapes';

/** The attributes of a token in the vocabulary. */
export interface TokenKind {
  /** Spelled literally: a control token, or a user-defined token. */
  readonly isAdded: boolean;
  /** One byte, spelled `<0xE2>`. */
  readonly isByte: boolean;
}

/**
 * The bytes behind the printable stand-ins of a byte-level vocabulary: printable Latin-1 represents itself, the other
 * bytes are the characters from U+0100, in order (GPT-2's `bytes_to_unicode`).
 */
const BYTE_OF_CHARACTER = byteAlphabet();
const CHARACTER_OF_BYTE = new Map(Array.from(BYTE_OF_CHARACTER, ([text, byte]) => [byte, text]));

const SPACE = '\u2581';

const UTF8 = new TextEncoder();

/** Bytes as a byte-level vocabulary spells them. */
export const spellBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => CHARACTER_OF_BYTE.get(byte) ?? '').join('');

/**
 * Whether a BPE vocabulary spells characters. Its type does not show this: Gemma 4 has the type of byte-level
 * vocabularies. Words start with a space in all of them, so the first letter of most words decides.
 */
export function spellsCharacters(tokens: readonly string[]): boolean {
  let balance = 0;
  for (const token of tokens) {
    if (token.startsWith(SPACE)) balance++;
    if (token.startsWith('\u0120')) balance--;
  }
  return balance > 0;
}

/** The bytes of one token, as in the library. They may be a part of a character. */
export function readSpelling(spelled: string, spelling: Spelling, kind: TokenKind): Uint8Array {
  if (kind.isAdded) return UTF8.encode(spelled);
  const byte = kind.isByte ? /^<0x([\dA-F]{2})>$/i.exec(spelled)?.[1] : undefined;
  if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
  if (spelling === 'characters') return UTF8.encode(spelled.replaceAll(SPACE, ' '));
  if (spelling === 'escapes') return readEscapes(spelled);
  return Uint8Array.from(
    Array.from(spelled).flatMap((character) => {
      const value = BYTE_OF_CHARACTER.get(character);
      return value === undefined ? [...UTF8.encode(character)] : [value];
    }),
  );
}

const ESCAPED: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r' };

function readEscapes(spelled: string): Uint8Array {
  const bytes: number[] = [];
  for (const [part, hex, escaped] of spelled.matchAll(/\\x([\da-f]{2})|\\(.)|[^\\]+|\\$/gisu)) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else bytes.push(...UTF8.encode(escaped === undefined ? part : (ESCAPED[escaped] ?? escaped)));
  }
  return Uint8Array.from(bytes);
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
