/** Texts that stand for something else while a template is rendered, because no template can have them by itself. */
import { randomBytes } from 'node:crypto';

const MARK = `z${randomBytes(12).toString('hex')}`;

/** Where an answer that was begun goes on. */
const END = `${MARK}end`;

/** Strings and numbers of a JSON text. */
const LEXEMES = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** A number that was marked, within the quotes that a string has. */
const MARKED_NUMBER = new RegExp(String.raw`(\\*["'])?${MARK}n([-+.\deE]+)n\1`, 'g');

/**
 * The value of a JSON text, with texts in place of the numbers that the library's renderer would print wrong: it has six
 * digits for what is no integer, rounds integers beyond 2^53, and refuses those beyond 2^63.
 *
 * @throws SyntaxError when it is no JSON.
 */
export function parseWithMarks(json: string): unknown {
  return JSON.parse(
    json.replaceAll(LEXEMES, (lexeme) => (isPrintable(lexeme) ? lexeme : `"${MARK}n${lexeme}n"`)),
  );
}

/** The same for a value. */
export const withMarks = (value: unknown): unknown => parseWithMarks(JSON.stringify(value));

/** What was rendered, with the numbers in place of what stood for them. */
export const withNumbers = (rendered: string): string =>
  rendered.replaceAll(MARKED_NUMBER, (_marked, _quote, digits: string) => digits);

/** `begun` with a mark behind it, so that its end is found in what the template makes of it. */
export const withEnd = (begun: string): string => begun + END;

/** What was rendered, up to the mark of `withEnd`; undefined where the template did not print it. */
export function upToEnd(rendered: string): string | undefined {
  const at = rendered.lastIndexOf(END);
  return at < 0 ? undefined : rendered.slice(0, at);
}

function isPrintable(lexeme: string): boolean {
  if (lexeme.startsWith('"')) return true;
  const value = Number(lexeme);
  if (Number.isInteger(value)) return Number.isSafeInteger(value);
  return Number(value.toPrecision(6)) === value;
}
