import { spellBytes } from './token-bytes.ts';

/** Texts up to that are not cut: their tokens are made in 0.1 to 10 ms, by how the family splits words. */
export const PIECE_CHARS = 1024;

/**
 * No piece is longer. For most families llama.cpp splits words with `std::regex`, which takes some 350 bytes of stack
 * for every character of a word, line of spaces or row of dashes: 25,000 of them end the process.
 */
const MAX_PIECE_CHARS = 8192;

/** What may follow a word so that a text can be cut there, where the vocabulary allows it. */
const AFTER_LATIN = Array.from(' \n.,0123456789');
const AFTER_OTHERS = Array.from(' \n。，、');

const LATIN = '[A-Za-z]';
const OTHERS = String.raw`[\p{L}--[A-Za-z]]`;

/** The last byte of a character beyond ASCII, as a byte-level vocabulary spells it. */
const LAST_BYTE = `[${spellBytes(Uint8Array.from({ length: 0x40 }, (_, index) => 0x80 + index))}]`;

/** What of a byte-level vocabulary tells where texts can be cut; of others there is no telling what they merge. */
export interface CutVocabulary {
  /** Tokens that are made by merging bytes, as the vocabulary spells them. */
  readonly ordinary: readonly string[];
  /** Texts that stand for one token wherever they are. */
  readonly special: readonly string[];
}

/** In UTF-16 units; a piece is no shorter than `least` where a text goes on, and no longer than `most`. */
export interface PieceSizes {
  readonly least: number;
  readonly most: number;
}

/**
 * Cuts texts so that their pieces have, one by one, the tokens of the whole.
 *
 * A place is behind a word, where what splits texts into words ends one anyway. It counts only where no token holds the
 * end of a word and what follows it, nor the start of that: then nothing is merged across it, whatever the rule. Where
 * there is no place for thousands of characters a cut is made all the same, and the tokens around it may be others.
 *
 * Cuts depend on nothing behind them: texts that begin alike are cut alike.
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
      ...placesBehind(LATIN, safeAfter(AFTER_LATIN, LATIN, joined)),
      ...placesBehind(OTHERS, safeAfter(AFTER_OTHERS, LAST_BYTE, joined)),
    ];
    this.#place = places.length === 0 ? undefined : new RegExp(places.join('|'), 'gv');
    // Such a text may lie across a place, or end there and take the white space behind it along.
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

  /** The first place that makes the piece from `start` neither too short nor too long. */
  #placeFrom(text: string, start: number): number | undefined {
    const { least, most } = this.#sizes;
    const place = this.#place;
    if (place === undefined) return undefined;
    // A word's last character, its end, and what follows.
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

  /** Neither in a character nor in the text of a special token. */
  #forcedCut(text: string, start: number): number {
    const end = start + this.#sizes.most;
    if (end >= text.length) return text.length;
    const special = this.#specialAcross(text, end);
    if (special !== undefined && special > start) return special;
    const isInCharacter = /^[\udc00-\udfff]/.test(text.slice(end, end + 1));
    return isInCharacter && end - 1 > start ? end - 1 : end;
  }

  /** Where the special token starts that `at` lies in. */
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

const placesBehind = (wordEnd: string, after: readonly string[]): readonly string[] =>
  after.length === 0 ? [] : [`${wordEnd}(?=[${after.join('')}])`];

/** Of `after`, what no token of the vocabulary `joined` holds behind the end of a word: wholly or, at its own end, its first bytes. */
function safeAfter(after: readonly string[], wordEnd: string, joined: string): readonly string[] {
  return after.filter((character) => {
    const [first = '', ...rest] = Array.from(spellBytes(Buffer.from(character)), escaped);
    const following = rest.reduceRight((tail, byte) => `(?:$|${byte}${tail})`, '');
    return !new RegExp(`${wordEnd}${first}${following}`, 'm').test(joined);
  });
}

/** `text` as a part of a regular expression. */
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
