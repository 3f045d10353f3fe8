/** Texts that stand for something else while a template is rendered, because no template can have them by itself. */
import { randomBytes } from 'node:crypto';

import type { ControlTexts } from '../request/control-texts.ts';
import type { RenderedPrompt } from '../request/prompt-parts.ts';

const MARK = `z${randomBytes(12).toString('hex')}`;

/** Where an answer that was begun goes on. */
const END = `${MARK}end`;

/** Marks a position within the text of a control token that came from the caller. */
const BREAK = `${MARK}b`;
/** Case does not matter: some templates print texts in capitals. */
const BREAKS = new RegExp(BREAK, 'i');

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
