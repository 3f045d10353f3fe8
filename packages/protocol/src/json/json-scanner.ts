import { CortexError } from '../errors.ts';

import { type Interest, type MemberInterest, type ScanListener } from './interest.ts';
import { skipNumber, skipStringRest } from './skip-token.ts';
import { readStringText } from './string-text.ts';

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The expected next token, or the kind of string around the position. */
const START = 0;
const VALUE = 1;
const VALUE_OR_END = 2;
const KEY = 3;
const KEY_OR_END = 4;
const AFTER_KEY = 5;
const COMMA_OR_END = 6;
const END = 7;
const INSIDE_KEY = 8;
const INSIDE_STRING = 9;

const EXPECTED: Readonly<Record<number, string>> = {
  [START]: 'an object ("{")',
  [VALUE]: 'a value',
  [VALUE_OR_END]: 'a value or "]"',
  [KEY]: 'a key',
  [KEY_OR_END]: 'a key or "}"',
  [AFTER_KEY]: '":"',
  [COMMA_OR_END]: '"," or the closing bracket',
  [END]: 'the end of the body',
  [INSIDE_KEY]: 'the end of a string',
  [INSIDE_STRING]: 'the end of a string',
};

/** Keys of interest are shorter, even when every character is written as `\uXXXX`. */
const MAX_ESCAPED_KEY_BYTES = 6 * 64;

/** UTF-8 form of U+FEFF, which some editors write at the start of a file. A parser may ignore it (RFC 8259, section 8.1). */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

const LITERALS = ['true', 'false', 'null'].map((word) => new TextEncoder().encode(word));

/**
 * One forward scan over the bytes of a JSON object, which reports the values that its interests name.
 *
 * The structure (brackets, commas, colons, literals, numbers) is checked; the inside of strings is not. A byte order
 * mark at the start is skipped. Nesting is kept in a byte array, so any depth is safe.
 */
export class JsonScanner<Kind> {
  readonly #bytes: Uint8Array;
  readonly #listener: ScanListener<Kind>;
  #position = 0;
  #next = START;

  /** Kinds of the containers around the position: 1 = object, 0 = array. */
  #stack = new Uint8Array(64);
  #depth = 0;
  /** Interests of the outermost containers; deeper containers have none. */
  readonly #interests: Interest<Kind>[] = [];
  readonly #starts: number[] = [];
  /** Interest of the next value. */
  #nextInterest: Interest<Kind> | undefined;
  #stringStart = 0;

  constructor(bytes: Uint8Array, root: Interest<Kind>, listener: ScanListener<Kind>) {
    this.#bytes = bytes;
    this.#listener = listener;
    this.#nextInterest = root;
    if (BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte))
      this.#position = BYTE_ORDER_MARK.length;
  }

  /** Bytes scanned so far. */
  get position(): number {
    return this.#position;
  }

  /**
   * Scans until the document has ended (true) or `limit` has been passed (false; call again).
   *
   * @throws CortexError `malformed_json`, naming the byte offset.
   */
  scan(limit: number): boolean {
    const bytes = this.#bytes;
    const { length } = bytes;
    while (this.#position < length) {
      if (this.#position >= limit) return false;
      if (this.#next >= INSIDE_KEY) {
        if (!this.#endString(limit)) return false;
        continue;
      }
      const byte = bytes[this.#position] ?? 0;
      if (byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB)
        this.#position += 1;
      else this.#token(byte);
    }
    if (this.#next !== END) this.#fail();
    return true;
  }

  #token(byte: number): void {
    switch (this.#next) {
      case COMMA_OR_END:
        if (byte === COMMA) {
          this.#position += 1;
          if (this.#stack[this.#depth - 1] === 1) this.#next = KEY;
          else this.#expectElement(VALUE);
          return undefined;
        }
        return this.#close(byte);
      case KEY:
      case KEY_OR_END:
        if (byte === QUOTE) return this.#beginString(INSIDE_KEY);
        return this.#next === KEY_OR_END ? this.#close(byte) : this.#fail();
      case AFTER_KEY:
        if (byte !== COLON) this.#fail();
        this.#position += 1;
        this.#next = VALUE;
        return undefined;
      case VALUE_OR_END:
        return byte === CLOSE_BRACKET ? this.#close(byte) : this.#value(byte);
      case VALUE:
        return this.#value(byte);
      case START:
        return byte === OPEN_BRACE ? this.#open(byte) : this.#fail();
      default:
        return this.#fail();
    }
  }

  #value(byte: number): void {
    if (byte === QUOTE) return this.#beginString(INSIDE_STRING);
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return this.#open(byte);
    const start = this.#position;
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      const end = skipNumber(this.#bytes, start);
      if (end < 0) this.#failAt(-end - 1, 'the rest of a number');
      this.#position = end;
    } else this.#literal(byte);
    return this.#endScalar(start);
  }

  #literal(byte: number): void {
    const word = LITERALS.find((candidate) => candidate[0] === byte);
    if (word === undefined) this.#fail();
    for (const letter of word) {
      if (this.#bytes[this.#position] !== letter) this.#failAt(this.#position, 'a value');
      this.#position += 1;
    }
  }

  #beginString(next: typeof INSIDE_KEY | typeof INSIDE_STRING): void {
    this.#stringStart = this.#position;
    this.#position += 1;
    this.#next = next;
  }

  /** Skips the rest of a string; false when the string continues after `limit`. */
  #endString(limit: number): boolean {
    const end = skipStringRest(this.#bytes, this.#position, limit);
    this.#position = Math.abs(end);
    if (end < 0) return false;
    if (end === 0) this.#failAt(this.#bytes.length, 'the end of a string');
    if (this.#next === INSIDE_STRING) this.#endScalar(this.#stringStart);
    else {
      this.#next = AFTER_KEY;
      this.#nextInterest = this.#isInteresting
        ? this.#memberAt(this.#stringStart + 1, end - 1)
        : undefined;
    }
    return true;
  }

  #endScalar(start: number): void {
    if (this.#nextInterest !== undefined)
      this.#listener.scalar(this.#nextInterest.kind, start, this.#position);
    this.#next = COMMA_OR_END;
  }

  /** Whether the container around the position has an interest. */
  get #isInteresting(): boolean {
    return this.#interests.length === this.#depth;
  }

  #memberAt(start: number, end: number): Interest<Kind> | undefined {
    const members = this.#interests[this.#depth - 1]?.members;
    if (members === undefined) return undefined;
    for (const member of members) {
      if (this.#isAt(member.keyBytes, start, end)) return member.interest;
    }
    return this.#isEscaped(start, end) ? this.#escapedMember(members, start, end) : undefined;
  }

  #isEscaped(start: number, end: number): boolean {
    if (end - start > MAX_ESCAPED_KEY_BYTES) return false;
    for (let at = start; at < end; at += 1) if (this.#bytes[at] === BACKSLASH) return true;
    return false;
  }

  #isAt(expected: Uint8Array, start: number, end: number): boolean {
    if (expected.length !== end - start) return false;
    for (let index = 0; index < expected.length; index += 1)
      if (this.#bytes[start + index] !== expected[index]) return false;
    return true;
  }

  #escapedMember(
    members: readonly MemberInterest<Kind>[],
    start: number,
    end: number,
  ): Interest<Kind> | undefined {
    let key: string;
    try {
      key = readStringText(this.#bytes, [start, end], MAX_ESCAPED_KEY_BYTES);
    } catch {
      return this.#failAt(start, 'a key without control characters and invalid escapes');
    }
    return members.find((member) => member.key === key)?.interest;
  }

  #open(byte: number): void {
    const start = this.#position;
    const interest = this.#nextInterest;
    if (this.#depth === this.#stack.length) this.#growStack();
    if (interest !== undefined && this.#isInteresting && this.#listener.open(interest.kind)) {
      this.#interests.push(interest);
      this.#starts.push(start);
    }
    this.#stack[this.#depth] = byte === OPEN_BRACE ? 1 : 0;
    this.#depth += 1;
    this.#position += 1;
    if (byte === OPEN_BRACE) this.#next = KEY_OR_END;
    else this.#expectElement(VALUE_OR_END);
  }

  #expectElement(next: typeof VALUE | typeof VALUE_OR_END): void {
    this.#next = next;
    this.#nextInterest = this.#isInteresting
      ? this.#interests[this.#depth - 1]?.element
      : undefined;
  }

  #close(byte: number): void {
    if (byte !== (this.#stack[this.#depth - 1] === 1 ? CLOSE_BRACE : CLOSE_BRACKET)) this.#fail();
    this.#position += 1;
    if (this.#isInteresting) {
      const interest = this.#interests.pop();
      const start = this.#starts.pop() ?? 0;
      if (interest !== undefined) this.#listener.close(interest.kind, start, this.#position);
    }
    this.#depth -= 1;
    this.#next = this.#depth === 0 ? END : COMMA_OR_END;
  }

  #growStack(): void {
    const grown = new Uint8Array(this.#stack.length * 2);
    grown.set(this.#stack);
    this.#stack = grown;
  }

  #fail(): never {
    return this.#failAt(this.#position, EXPECTED[this.#next] ?? 'something else');
  }

  #failAt(position: number, expected: string): never {
    const byte = this.#bytes[position];
    throw new CortexError(
      'malformed_json',
      `The body is not valid JSON: ${formatFound(byte)} at byte ${position}, expected ${expected}.`,
    );
  }
}

function formatFound(byte: number | undefined): string {
  if (byte === undefined) return 'it ends';
  const isVisible = byte > 0x20 && byte < 0x7f;
  return `found ${isVisible ? `"${String.fromCharCode(byte)}"` : `0x${byte.toString(16).padStart(2, '0')}`}`;
}
