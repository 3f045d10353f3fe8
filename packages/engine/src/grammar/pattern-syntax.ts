/** Parses regular expressions (ECMA-262 with the `u` flag) into a tree. Pure. */
import { complement, MAX_CODE, normalise, type Range } from './code-ranges.ts';
import { unicodeSet } from './unicode-sets.ts';

export type PatternNode =
  | { readonly kind: 'set'; readonly ranges: readonly Range[] }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly options: readonly PatternNode[] }
  | {
      readonly kind: 'repeat';
      readonly item: PatternNode;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: 'anchor'; readonly at: 'start' | 'end' }
  | { readonly kind: 'ahead'; readonly item: PatternNode; readonly isNegated: boolean };

/** Thrown for syntax that a grammar cannot express; the message names it. */
export class UnsupportedPattern extends Error {
  override readonly name = 'UnsupportedPattern';
}

const DIGIT: readonly Range[] = [[0x30, 0x39]];
const WORD: readonly Range[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const SPACE: readonly Range[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const LINE_ENDS: readonly Range[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];

const CONTROL_ESCAPES: Readonly<Record<string, number>> = {
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  '0': 0,
};
const CLASS_ESCAPES: Readonly<Record<string, readonly Range[]>> = {
  d: DIGIT,
  D: complement(DIGIT),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
};

/** Limits on characters, nested groups and repetitions, far above patterns written by hand. */
const MAX_CHARS = 16_384;
const MAX_GROUPS = 64;
const MAX_REPETITIONS = 1_000_000;

/** The number of Unicode property escapes in a pattern: each takes about 20 ms to resolve. */
export const unicodeSetsIn = (source: string): number => source.match(/\\p/gi)?.length ?? 0;

/** @throws UnsupportedPattern */
export function parsePattern(source: string): PatternNode {
  if (source.length > MAX_CHARS) throw new UnsupportedPattern(`more than ${MAX_CHARS} characters`);
  return new PatternParser(source).parse();
}

/** Recursive descent over the code points of a pattern. */
class PatternParser {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#chars = Array.from(source);
  }

  parse(): PatternNode {
    const node = this.#alternatives();
    if (this.#at < this.#chars.length)
      throw new UnsupportedPattern(`an unmatched "${this.#chars[this.#at]}"`);
    return node;
  }

  #alternatives(): PatternNode {
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { kind: 'choice', options };
  }

  #sequence(): PatternNode {
    const items: PatternNode[] = [];
    while (this.#at < this.#chars.length && this.#peek() !== '|' && this.#peek() !== ')') {
      items.push(this.#quantified());
    }
    return { kind: 'sequence', items };
  }

  #quantified(): PatternNode {
    const item = this.#atom();
    const bounds = this.#quantifier();
    if (bounds === undefined) return item;
    this.#take('?'); // Laziness changes which match is found, but not which texts match.
    return { kind: 'repeat', item, ...bounds };
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Infinity };
    if (this.#take('+')) return { min: 1, max: Infinity };
    if (this.#take('?')) return { min: 0, max: 1 };
    if (this.#peek() !== '{') return undefined;
    const text = /^\{(\d+)(,(\d*))?\}/.exec(this.#ahead(24));
    if (text === null) throw new UnsupportedPattern('a "{" that does not start a repetition');
    this.#at += text[0].length;
    const min = Number(text[1]);
    const max = text[2] === undefined ? min : text[3] === '' ? Infinity : Number(text[3]);
    if (min > MAX_REPETITIONS || (max > MAX_REPETITIONS && max !== Infinity))
      throw new UnsupportedPattern(`a repetition of more than ${MAX_REPETITIONS} times`);
    if (min > max) throw new UnsupportedPattern('a repetition whose minimum exceeds its maximum');
    return { min, max };
  }

  #atom(): PatternNode {
    const char = this.#next();
    switch (char) {
      case '^':
        return { kind: 'anchor', at: 'start' };
      case '$':
        return { kind: 'anchor', at: 'end' };
      case '.':
        return { kind: 'set', ranges: complement(LINE_ENDS) };
      case '(':
        return this.#group();
      case '[':
        return { kind: 'set', ranges: this.#class() };
      case '\\':
        return { kind: 'set', ranges: this.#escape() };
      default:
        return { kind: 'set', ranges: single(char) };
    }
  }

  #group(): PatternNode {
    const isAhead = this.#groupStart();
    if (++this.#depth > MAX_GROUPS)
      throw new UnsupportedPattern(`groups nested more than ${MAX_GROUPS} deep`);
    const item = this.#alternatives();
    this.#depth--;
    if (!this.#take(')')) throw new UnsupportedPattern('an unclosed group');
    return isAhead === undefined ? item : { kind: 'ahead', item, isNegated: isAhead === '!' };
  }

  /**
   * Reads the group modifier: the sign of a look-ahead, or undefined for one that does not change which texts match.
   */
  #groupStart(): '=' | '!' | undefined {
    if (!this.#take('?') || this.#take(':')) return undefined;
    if (this.#take('=')) return '=';
    if (this.#take('!')) return '!';
    if (!this.#take('<')) throw new UnsupportedPattern('a group modifier');
    if (this.#peek() === '=' || this.#peek() === '!') throw new UnsupportedPattern('a look-behind');
    while (this.#next() !== '>');
    return undefined;
  }

  #class(): readonly Range[] {
    const isNegated = this.#take('^');
    const ranges: Range[] = [];
    while (!this.#take(']')) {
      const from = this.#classAtom();
      const low = from.length === 1 && from[0]?.[0] === from[0]?.[1] ? from[0]?.[0] : undefined;
      if (low !== undefined && this.#peek() === '-' && this.#chars[this.#at + 1] !== ']') {
        this.#at++;
        const high = this.#classAtom()[0]?.[1] ?? low;
        ranges.push([low, high]);
      } else {
        ranges.push(...from);
      }
    }
    return isNegated ? complement(ranges) : normalise(ranges);
  }

  #classAtom(): readonly Range[] {
    const char = this.#next();
    if (char !== '\\') return single(char);
    if (this.#take('b')) return [[8, 8]];
    return this.#escape();
  }

  #escape(): readonly Range[] {
    const char = this.#next();
    const set = CLASS_ESCAPES[char];
    if (set !== undefined) return set;
    const control = CONTROL_ESCAPES[char];
    if (control !== undefined) return [[control, control]];
    if (char === 'p' || char === 'P') return this.#property(char === 'P');
    if (char === 'x') return this.#hex(2);
    if (char === 'u') return this.#peek() === '{' ? this.#bracedHex() : this.#hex(4);
    if (/[a-zA-Z1-9]/.test(char)) throw new UnsupportedPattern(`the escape \\${char}`);
    return single(char);
  }

  #property(isNegated: boolean): readonly Range[] {
    const [braced = '', name = ''] = /^\{([\w=]{1,60})\}/.exec(this.#ahead(64)) ?? [];
    const ranges = unicodeSet(name);
    if (ranges === undefined) throw new UnsupportedPattern('an unknown Unicode property');
    this.#at += braced.length;
    return isNegated ? complement(ranges) : ranges;
  }

  #hex(digits: number): readonly Range[] {
    const code = Number.parseInt(this.#chars.slice(this.#at, this.#at + digits).join(''), 16);
    this.#at += digits;
    if (Number.isNaN(code)) throw new UnsupportedPattern('an invalid hexadecimal escape');
    return [[code, code]];
  }

  #bracedHex(): readonly Range[] {
    const end = this.#chars.indexOf('}', this.#at);
    const code = Number.parseInt(this.#chars.slice(this.#at + 1, end).join(''), 16);
    this.#at = end + 1;
    if (end < 0 || !(code <= MAX_CODE)) throw new UnsupportedPattern('an invalid \\u{…} escape');
    return [[code, code]];
  }

  #ahead(count: number): string {
    return this.#chars.slice(this.#at, this.#at + count).join('');
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw new UnsupportedPattern('an incomplete expression');
    return char;
  }
}

function single(char: string): readonly Range[] {
  const code = char.codePointAt(0) ?? 0;
  return [[code, code]];
}
