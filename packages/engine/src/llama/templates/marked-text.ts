/** Marks: placeholder texts that no template contains, used during rendering. */
import { randomBytes } from 'node:crypto';

import type { ControlTexts } from '../request/control-texts.ts';
import type { RenderedPrompt } from '../request/prompt-parts.ts';

const MARK = `z${randomBytes(12).toString('hex')}`;

/** The end of a started answer. */
const END = `${MARK}end`;

/** Marks a position within control-token text of the caller. */
const BREAK = `${MARK}b`;
/** Case-insensitive, because some templates print texts in upper case. */
const BREAKS = new RegExp(BREAK, 'i');

/** Strings and numbers of a JSON text. */
const LEXEMES = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** A marked number, within the quotes of a string. */
const MARKED_NUMBER = new RegExp(String.raw`(\\*["'])?${MARK}n([-+.\deE]+)n\1`, 'g');

/**
 * Parses a JSON text and replaces numbers that the library's renderer would print incorrectly by marks: it prints six
 * digits of a fraction, rounds integers beyond 2^53, and refuses those beyond 2^63.
 *
 * @throws SyntaxError if it is not JSON.
 */
export function parseWithMarks(json: string): unknown {
  return JSON.parse(
    json.replaceAll(LEXEMES, (lexeme) => (isPrintable(lexeme) ? lexeme : `"${MARK}n${lexeme}n"`)),
  );
}

/** The same for a value. */
export const withMarks = (value: unknown): unknown => parseWithMarks(JSON.stringify(value));

/** The rendered text, with the numbers in place of their marks. */
export const withNumbers = (rendered: string): string =>
  rendered.replaceAll(MARKED_NUMBER, (_marked, _quote, digits: string) => digits);

/** Appends a mark to `begun`, so that its end can be found in the rendered text. */
export const withEnd = (begun: string): string => begun + END;

/** The rendered text up to the mark of `withEnd`; undefined if the template did not print it. */
export function upToEnd(rendered: string): string | undefined {
  const at = rendered.lastIndexOf(END);
  return at < 0 ? undefined : rendered.slice(0, at);
}

/** Marks every text of a control token in the strings of `value`, so that it stays text in the rendered prompt. */
export function withBreaks(value: unknown, controls: ControlTexts): unknown {
  if (typeof value === 'string') return brokenText(value, controls);
  if (Array.isArray(value)) return value.map((item) => withBreaks(item, controls));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      brokenText(key, controls),
      withBreaks(item, controls),
    ]),
  );
}

function brokenText(text: string, controls: ControlTexts): string {
  let broken = '';
  let done = 0;
  for (const start of controls.startsIn(text)) {
    broken += text.slice(done, start + 1) + BREAK;
    done = start + 1;
  }
  return done === 0 ? text : broken + text.slice(done);
}

/** Removes the marks of `withBreaks` from a rendered prompt, and returns their positions. */
export function takeBreaks(rendered: string): RenderedPrompt {
  const [first = '', ...others] = rendered.split(BREAKS);
  let text = first;
  const breaks = others.map((part) => {
    const at = text.length;
    text += part;
    return at;
  });
  return { text, breaks };
}

function isPrintable(lexeme: string): boolean {
  if (lexeme.startsWith('"')) return true;
  const value = Number(lexeme);
  if (Number.isInteger(value)) return Number.isSafeInteger(value);
  return Number(value.toPrecision(6)) === value;
}
