import type { AnswerText, Script } from '../answer-text.ts';
import { isTooLong } from '../script-steps.ts';
import { partialMarker } from '../output-parser.ts';

/**
 * The delimiter on both sides of a string. It ends the string only where a value may end, because templates print
 * quotes in strings unescaped and models imitate that.
 */
export interface StringQuote {
  readonly mark: string;
  /**
   * Whether a backslash escapes the next character.
   */
  readonly hasEscapes: boolean;
  /** Closes the call that contains the string. */
  readonly close?: string;
}

/** Characters that may follow a value or a key. */
const FOLLOWERS = new Set([':', '=', ')', ']', '}']);

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  '/': '/',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '\n': '',
};
const CODE_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/**
 * Passes the text of a string to `settle` as it arrives, from after its opening delimiter, and takes the closing one.
 *
 * False: the answer ends within it.
 */
export function readString(
  text: AnswerText,
  quote: StringQuote,
  settle: (piece: string) => void,
): Script<boolean> {
  return quote.hasEscapes ? readEscaped(text, quote.mark, settle) : readPlain(text, quote, settle);
}

function* readPlain(
  text: AnswerText,
  { mark, close }: StringQuote,
  settle: (piece: string) => void,
): Script<boolean> {
  while (yield* text.more()) {
    const isClosing = close !== undefined && text.held.endsWith(close);
    // If no further delimiter follows, the closing one is missing, and the brackets before the marker close the call.
    if (isClosing && !(yield* comes(text, mark))) {
      text.reread();
      return true;
    }
    if (text.held.endsWith(mark)) {
      settle(text.take(text.held.length - mark.length));
      if (yield* isLast(text)) return true;
      settle(mark);
    } else {
      const held = Math.max(partialMarker(text.held, mark), closingLength(text.held, close));
      settle(text.take(text.held.length - held));
    }
  }
  settle(text.take());
  return false;
}

function* comes(text: AnswerText, mark: string): Script<boolean> {
  while (yield* text.more()) if (text.endsWith(mark)) return true;
  return false;
}

/** Length of the brackets and the start of the closing marker at the end of `held`. */
function closingLength(held: string, close: string | undefined): number {
  if (close === undefined) return 0;
  const before = held.slice(0, held.length - partialMarker(held, close));
  return held.length - before.search(/(?:[)\]}][\s)\]}]*)?$/);
}

function* readEscaped(
  text: AnswerText,
  mark: string,
  settle: (piece: string) => void,
): Script<boolean> {
  while (yield* text.more()) {
    if (text.held === mark) {
      if (yield* isLast(text)) return true;
      settle(mark);
    } else if (text.held === '\\') {
      const piece = yield* readEscape(text);
      text.take();
      if (piece !== undefined) settle(piece);
    } else settle(text.take());
  }
  return false;
}

/** Whether the held delimiter ends the string. Takes it; the text after it stays unread. */
function* isLast(text: AnswerText): Script<boolean> {
  const { length } = text.held;
  const follows = (): boolean | undefined =>
    mayFollow(text.held.slice(length).trimStart(), text.syntax.markers);
  while (follows() === undefined && !isTooLong(text) && (yield* text.more()));
  const isEnd = follows() ?? !isTooLong(text);
  text.reread(length);
  return isEnd;
}

/** Whether `behind` may follow a string. Undefined: more text is needed. */
function mayFollow(behind: string, markers: readonly string[]): boolean | undefined {
  if (behind === '') return undefined;
  if (behind.startsWith(',')) return mayFollowComma(behind.slice(1).trimStart());
  if (FOLLOWERS.has(behind.charAt(0)) || markers.some((one) => behind.startsWith(one))) return true;
  return markers.some((marker) => marker.startsWith(behind)) ? undefined : false;
}

/** A word after a comma must be a key or a value; any other word is part of the string. */
function mayFollowComma(element: string): boolean | undefined {
  if (element === '') return undefined;
  const word = /^[\w.$/+-]+\s*/.exec(element)?.[0] ?? '';
  if (word === '') return true;
  return word === element ? undefined : /^[:=,)\]}]/.test(element.slice(word.length));
}

/**
 * The value of the escape that starts with the held backslash; all of it stays held. Undefined: the answer ends within
 * it.
 */
function* readEscape(text: AnswerText): Script<string | undefined> {
  if (!(yield* text.more())) return undefined;
  const kind = text.held.slice(1);
  const digits = CODE_DIGITS[kind];
  if (digits === undefined) return ESCAPES[kind] ?? text.held;
  while (text.held.length < digits + 2) {
    if (!(yield* text.more())) return undefined;
    // Not a code: the backslash is literal.
    if (!/^\\.[0-9a-fA-F]+$/.test(text.held)) return text.held;
  }
  const code = Number.parseInt(text.held.slice(2), 16);
  return code > 0x10ffff ? text.held : String.fromCodePoint(code);
}
