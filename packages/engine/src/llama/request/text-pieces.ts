import { spellBytes } from './token-bytes.ts';

/**
 * Texts up to this length are not split. Tokenizing them takes 0.1 to 10 ms, depending on how the family splits words.
 */
export const PIECE_CHARS = 1024;

/**
 * The longest piece. For most families llama.cpp splits words with `std::regex`, which needs about 350 bytes of stack
 * per character of a word, line of spaces or row of dashes: 25,000 of them crash the process.
 */
const MAX_PIECE_CHARS = 8192;

/** Characters after a word where a text can be split, if the vocabulary allows it. */
const AFTER_LATIN = Array.from(' \n.,0123456789');
const AFTER_OTHERS = Array.from(' \n。，、');

const LATIN = '[A-Za-z]';
const OTHERS = String.raw`[\p{L}--[A-Za-z]]`;

/** The last byte of a non-ASCII character, as a byte-level vocabulary spells it. */
const LAST_BYTE = `[${spellBytes(Uint8Array.from({ length: 0x40 }, (_, index) => 0x80 + index))}]`;

/**
 * The parts of a byte-level vocabulary that show where texts can be split. For other vocabularies the merges are
 * unknown.
 */
export interface CutVocabulary {
  /** Tokens of merged bytes, as the vocabulary spells them. */
  readonly ordinary: readonly string[];
  /** Texts that are one token everywhere. */
  readonly special: readonly string[];
}

/** In UTF-16 units. Every piece except the last has at least `least`; every piece has at most `most`. */
export interface PieceSizes {
  readonly least: number;
  readonly most: number;
}

/**
 * Splits texts so that the tokens of the pieces are the tokens of the whole text.
 *
 * A text is split after a word, where the word splitter ends a word anyway. A position is used only if no token
 * contains the end of a word together with the text after it or its first bytes; then no merge spans it. If there is no
 * such position for thousands of characters, the text is split anyway, and the tokens around the split may differ.
 *
 * Splits do not depend on later text, so texts with a common prefix are split alike.
 */
export class TextPieces {
  readonly #sizes: PieceSizes;
  readonly #place: RegExp | undefined;
  readonly #risky: readonly string[];
  readonly #specials: RegExp | undefined;
  readonly #longestSpecial: number;

  constructor(
    { ordinary, special }: CutVocabulary,
    sizes: PieceSizes = { least: PIECE_CHARS, most: MAX_PIECE_CHARS },
  ) {
    this.#sizes = sizes;
    const joined = ordinary.join('\n');
    const places = [
      ...splitPatterns(LATIN, safeAfter(AFTER_LATIN, LATIN, joined)),
      ...splitPatterns(OTHERS, safeAfter(AFTER_OTHERS, LAST_BYTE, joined)),
    ];
    this.#place = places.length === 0 ? undefined : new RegExp(places.join('|'), 'gv');
    // Such a text may span a position, or end there and include the white space after it.
    const risk = new RegExp([...places, String.raw`\p{L}$`].join('|'), 'v');
    this.#risky = special.filter((text) => risk.test(text));
    const longestFirst = special.toSorted((a, b) => b.length - a.length);
    this.#longestSpecial = longestFirst[0]?.length ?? 0;
    this.#specials =
      special.length === 0 ? undefined : new RegExp(longestFirst.map(escaped).join('|'), 'g');
  }

  *of(text: string): Generator<string, void> {
    const { least } = this.#sizes;
    let start = 0;
    while (text.length - start > least) {
      const end = this.#placeFrom(text, start) ?? this.#forcedCut(text, start);
      yield text.slice(start, end);
      start = end;
    }
    if (start < text.length || start === 0) yield text.slice(start);
  }

  /** The first position that gives the piece from `start` a valid length. */
  #placeFrom(text: string, start: number): number | undefined {
    const { least, most } = this.#sizes;
    const place = this.#place;
    if (place === undefined) return undefined;
    // The last character of a word, the split, and the next character.
    const from = start + least - 1;
    const window = text.slice(from, start + most + 1);
    place.lastIndex = 0;
    for (let found = place.exec(window); found !== null; found = place.exec(window)) {
      const at = from + found.index + found[0].length;
      if (at >= start + least && !this.#isAtSpecial(text, at)) return at;
    }
    return undefined;
  }

  #isAtSpecial(text: string, at: number): boolean {
    return this.#risky.some((special) =>
      text.slice(Math.max(0, at - special.length), at + special.length).includes(special),
    );
  }

  /** Not within a character or the text of a special token. */
  #forcedCut(text: string, start: number): number {
    const end = start + this.#sizes.most;
    if (end >= text.length) return text.length;
    const special = this.#specialAcross(text, end);
    if (special !== undefined && special > start) return special;
    const isInCharacter = /^[\udc00-\udfff]/.test(text.slice(end, end + 1));
    return isInCharacter && end - 1 > start ? end - 1 : end;
  }

  /** The start of the special token that contains `at`. */
  #specialAcross(text: string, at: number): number | undefined {
    const specials = this.#specials;
    if (specials === undefined) return undefined;
    const from = Math.max(0, at - this.#longestSpecial);
    const around = text.slice(from, at + this.#longestSpecial);
    const found = around
      .matchAll(specials)
      .find(({ index, 0: special }) => from + index + special.length > at);
    return found !== undefined && from + found.index < at ? from + found.index : undefined;
  }
}

const splitPatterns = (wordEnd: string, after: readonly string[]): readonly string[] =>
  after.length === 0 ? [] : [`${wordEnd}(?=[${after.join('')}])`];

/**
 * The characters of `after` that no token of the vocabulary `joined` contains after the end of a word, neither
 * completely nor, at the end of the token, their first bytes.
 */
function safeAfter(after: readonly string[], wordEnd: string, joined: string): readonly string[] {
  return after.filter((character) => {
    const [first = '', ...rest] = Array.from(spellBytes(Buffer.from(character)), escaped);
    const following = rest.reduceRight((tail, byte) => `(?:$|${byte}${tail})`, '');
    return !new RegExp(`${wordEnd}${first}${following}`, 'm').test(joined);
  });
}

/** Escapes `text` for a regular expression. */
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
