import { CortexError } from '../errors.ts';

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

/** Bytes that a string is read by hand before the native search, whose call costs as much as about 20 of them. */
const SHORT_STRING_BYTES = 24;
/** Native search is cut into windows of this size, so that no single step takes longer than a few milliseconds. */
const SEARCH_WINDOW_BYTES = 4 << 20;
/** No number is written with more digits than this; the bound keeps one step short. */
const MAX_NUMBER_BYTES = 1 << 16;

/** What may stand next inside the container being skipped. */
const VALUE = 0;
const VALUE_OR_END = 1;
const KEY = 2;
const KEY_OR_END = 3;
const AFTER_KEY = 4;
const COMMA_OR_END = 5;
type Next =
  | typeof VALUE
  | typeof VALUE_OR_END
  | typeof KEY
  | typeof KEY_OR_END
  | typeof AFTER_KEY
  | typeof COMMA_OR_END;

const isSpace = (byte: number | undefined): boolean =>
  byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB;

const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= 0x30 && byte <= 0x39;

const LITERALS = ['true', 'false', 'null'].map((word) => new TextEncoder().encode(word));

/**
 * Walks JSON text forward over bytes, without decoding what it passes.
 *
 * Methods that return a boolean are resumable: false means that `limit` was reached; raise it and call the same
 * method again. Structure (brackets, commas, colons, literals, numbers) is checked, the inside of passed strings is not.
 */
export class JsonScanner {
  readonly bytes: Uint8Array;
  /** Next byte to read. */
  position = 0;
  /** Resumable methods pause at the first step that begins at or beyond this position. */
  limit = Infinity;

  /** Kinds of the containers around `position` while one is skipped: 1 = object, 0 = array. */
  #stack = new Uint8Array(64);
  #depth = 0;
  #next: Next = VALUE;
  #isInsideString = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whether the caller should pause before its next step. */
  get isPaused(): boolean {
    return this.position >= this.limit;
  }

  /** The byte at `position`, undefined at the end. */
  get current(): number | undefined {
    return this.bytes[this.position];
  }

  /** @throws CortexError `malformed_json`, always. */
  fail(expected: string): never {
    const { bytes, position } = this;
    const byte = bytes[position];
    if (byte === undefined || position >= bytes.length) {
      throw new CortexError(
        'malformed_json',
        `The body is not valid JSON: it ends at byte ${bytes.length}, where ${expected} was expected.`,
      );
    }
    const shown =
      byte > 0x20 && byte < 0x7f
        ? `"${String.fromCharCode(byte)}"`
        : `0x${byte.toString(16).padStart(2, '0')}`;
    throw new CortexError(
      'malformed_json',
      `The body is not valid JSON: unexpected ${shown} at byte ${position}, where ${expected} was expected.`,
    );
  }

  /** Passes white space. Resumable. */
  skipSpace(): boolean {
    const { bytes } = this;
    let at = this.position;
    const stop = Math.min(bytes.length, this.limit);
    while (at < stop && isSpace(bytes[at])) at += 1;
    this.position = at;
    return at < stop || at >= bytes.length;
  }

  /** Passes `byte`, or fails naming it. */
  take(byte: number): void {
    if (this.current !== byte) this.fail(`"${String.fromCharCode(byte)}"`);
    this.position += 1;
  }

  /** Passes `byte` if it stands here. */
  takeIf(byte: number): boolean {
    if (this.current !== byte) return false;
    this.position += 1;
    return true;
  }

  /** Passes the rest of a string, `position` being behind its opening quote or where the last call paused. Resumable. */
  skipStringRest(): boolean {
    const { bytes } = this;
    const { length } = bytes;
    let at = this.position;
    for (;;) {
      const handEnd = Math.min(length, at + SHORT_STRING_BYTES);
      for (; at < handEnd; at += 1) {
        const byte = bytes[at];
        if (byte === QUOTE) {
          this.position = at + 1;
          return true;
        }
        if (byte === BACKSLASH) at += 1;
      }
      if (at >= length) break;
      if (at >= this.limit) {
        this.position = at;
        return false;
      }
      const windowEnd = Math.min(length, at + SEARCH_WINDOW_BYTES);
      const searched = windowEnd === length ? bytes : bytes.subarray(0, windowEnd);
      const quote = searched.indexOf(QUOTE, at);
      const end = quote === -1 ? windowEnd : quote;
      let run = end;
      while (run > at && bytes[run - 1] === BACKSLASH) run -= 1;
      const isEscaped = (end - run) % 2 === 1;
      if (quote !== -1 && !isEscaped) {
        this.position = quote + 1;
        return true;
      }
      at = isEscaped ? end + 1 : end;
    }
    this.position = length;
    return this.fail('the end of a string');
  }

  /** Passes a number, `true`, `false` or `null`. */
  skipScalar(): void {
    const first = this.current;
    if (first === 0x2d || isDigit(first)) {
      this.#skipNumber();
      return;
    }
    const word = LITERALS.find((candidate) => candidate[0] === first);
    if (word === undefined) this.fail('a value');
    for (const byte of word) {
      if (this.current !== byte) this.fail('a value');
      this.position += 1;
    }
  }

  /** Starts to skip the container whose opening bracket stands here; go on with `skipContainerRest`. */
  openContainer(): void {
    const isObject = this.current === OPEN_BRACE;
    this.#depth = 0;
    this.#push(isObject ? 1 : 0);
    this.#next = isObject ? KEY_OR_END : VALUE_OR_END;
    this.#isInsideString = false;
    this.position += 1;
  }

  /** Passes the rest of the container that was opened, whatever is nested in it. Resumable; needs no recursion. */
  skipContainerRest(): boolean {
    const { bytes } = this;
    while (this.#depth > 0) {
      if (this.#isInsideString) {
        if (!this.skipStringRest()) return false;
        this.#isInsideString = false;
      }
      const byte = bytes[this.position];
      if (this.position >= this.limit) return false;
      if (isSpace(byte)) this.position += 1;
      else this.#skipToken(byte);
    }
    return true;
  }

  #skipToken(byte: number | undefined): void {
    switch (this.#next) {
      case VALUE:
      case VALUE_OR_END:
        if (byte === CLOSE_BRACKET && this.#next === VALUE_OR_END) this.#pop();
        else this.#skipValueStart(byte);
        return;
      case KEY:
      case KEY_OR_END:
        if (byte === CLOSE_BRACE && this.#next === KEY_OR_END) return this.#pop();
        if (byte !== QUOTE) this.fail('a key');
        this.position += 1;
        this.#isInsideString = true;
        this.#next = AFTER_KEY;
        return;
      case AFTER_KEY:
        this.take(COLON);
        this.#next = VALUE;
        return;
      case COMMA_OR_END: {
        const isObject = this.#stack[this.#depth - 1] === 1;
        if (byte === (isObject ? CLOSE_BRACE : CLOSE_BRACKET)) return this.#pop();
        if (byte !== COMMA) this.fail(isObject ? '"," or "}"' : '"," or "]"');
        this.position += 1;
        this.#next = isObject ? KEY : VALUE;
      }
    }
  }

  #skipValueStart(byte: number | undefined): void {
    if (byte === QUOTE) {
      this.position += 1;
      this.#isInsideString = true;
      this.#next = COMMA_OR_END;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.position += 1;
      this.#push(byte === OPEN_BRACE ? 1 : 0);
      this.#next = byte === OPEN_BRACE ? KEY_OR_END : VALUE_OR_END;
    } else {
      this.skipScalar();
      this.#next = COMMA_OR_END;
    }
  }

  #skipNumber(): void {
    const { bytes } = this;
    const start = this.position;
    if (bytes[this.position] === 0x2d) this.position += 1;
    if (bytes[this.position] === 0x30) this.position += 1;
    else this.#skipDigits(start);
    if (bytes[this.position] === 0x2e) {
      this.position += 1;
      this.#skipDigits(start);
    }
    const exponent = bytes[this.position];
    if (exponent === 0x65 || exponent === 0x45) {
      this.position += 1;
      const sign = bytes[this.position];
      if (sign === 0x2b || sign === 0x2d) this.position += 1;
      this.#skipDigits(start);
    }
  }

  #skipDigits(start: number): void {
    if (!isDigit(this.current)) this.fail('a digit');
    while (isDigit(this.current)) {
      this.position += 1;
      if (this.position - start > MAX_NUMBER_BYTES) this.fail('the end of a number');
    }
  }

  #push(kind: 0 | 1): void {
    if (this.#depth === this.#stack.length) {
      const grown = new Uint8Array(this.#stack.length * 2);
      grown.set(this.#stack);
      this.#stack = grown;
    }
    this.#stack[this.#depth] = kind;
    this.#depth += 1;
  }

  #pop(): void {
    this.position += 1;
    this.#depth -= 1;
    this.#next = COMMA_OR_END;
  }
}
