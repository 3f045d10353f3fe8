import type { AnswerText, Script } from '../answer-text.ts';
import { isTooLong } from '../script-steps.ts';
import { partialMarker } from '../output-parser.ts';

/** What stands on both sides of a string. */
export interface StringQuote {
  readonly mark: string;
  /**
   * Whether a backslash says what the next character means. Then the mark ends the string only where the value may end:
   * templates print strings with quotes in them as they are, and models repeat that.
   */
  readonly hasEscapes: boolean;
}

/** What may stand behind a value or a key. */
const FOLLOWERS = new Set([',', ':', ')', ']', '}']);

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
 * Gives `settle` the text of a string as it comes, from behind its first quote, and takes the last one.
 *
 * False: the answer ends within it.
 */
export function readString(
  text: AnswerText,
  quote: StringQuote,
  settle: (piece: string) => void,
): Script<boolean> {
  return quote.hasEscapes
    ? readEscaped(text, quote.mark, settle)
    : readPlain(text, quote.mark, settle);
}

function* readPlain(
  text: AnswerText,
  mark: string,
  settle: (piece: string) => void,
): Script<boolean> {
  while (yield* text.more()) {
    if (text.held.endsWith(mark)) {
      settle(text.take(text.held.length - mark.length));
      text.take();
      return true;
    }
    settle(text.take(text.held.length - partialMarker(text.held, mark)));
  }
  settle(text.take());
  return false;
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

/** Whether the quote that is held ends the string; it is taken, and what was read behind it will be read again. */
function* isLast(text: AnswerText): Script<boolean> {
  let behind = '';
  while (behind === '' && !isTooLong(text) && (yield* text.more()))
    behind = text.held.slice(1).trim();
  const isEnd = behind === '' && !isTooLong(text);
  text.reread(1);
  return isEnd || FOLLOWERS.has(behind);
}

/** What the escape means that begins with the backslash held; all of it is held then. Undefined: the answer ends in it. */
function* readEscape(text: AnswerText): Script<string | undefined> {
  if (!(yield* text.more())) return undefined;
  const kind = text.held.slice(1);
  const digits = CODE_DIGITS[kind];
  if (digits === undefined) return ESCAPES[kind] ?? text.held;
  while (text.held.length < digits + 2) {
    if (!(yield* text.more())) return undefined;
    // No code: the backslash is one.
    if (!/^\\.[0-9a-fA-F]+$/.test(text.held)) return text.held;
  }
  const code = Number.parseInt(text.held.slice(2), 16);
  return code > 0x10ffff ? text.held : String.fromCodePoint(code);
}
