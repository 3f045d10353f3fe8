/** Steps that the scripts of several families take. */
import type { AnswerText, Script } from './answer-text.ts';
import { partialMarker, lengthBeforeSpace } from './output-parser.ts';

/** What is longer has no head of a call at its start: names have 64 characters at most. */
export const MAX_HEAD_CHARS = 300;

export const isTooLong = (text: AnswerText): boolean => text.held.length > MAX_HEAD_CHARS;

export interface FoundMarker {
  readonly marker: string;
  /** White space before it, which belongs to the call when it is one and to the content when it is not. */
  readonly space: string;
}

/**
 * Hands text out as content until one of `markers` is complete, and takes the marker away; undefined at the end.
 *
 * No marker may begin with another one.
 */
export function* contentUntil(
  text: AnswerText,
  markers: readonly string[],
): Script<FoundMarker | undefined> {
  const stray = text.stray?.markers ?? [];
  const all = [...markers, ...stray];
  for (;;) {
    const marker = all.find((one) => text.held.endsWith(one));
    if (marker !== undefined && markers.includes(marker)) {
      const before = text.held.slice(0, -marker.length);
      const settled = before.trimEnd();
      text.content(text.take(settled.length));
      text.take();
      return { marker, space: before.slice(settled.length) };
    }
    if (marker !== undefined) {
      const before = text.held.slice(0, -marker.length);
      text.content(text.take(before.trimEnd().length));
      const isStray = yield* isStrayMarker(text, marker, before.at(-1) ?? text.charBefore);
      const taken = text.take();
      if (!isStray) text.content(taken);
    }
    const partial = Math.max(0, ...all.map((one) => partialMarker(text.held, one)));
    const settled = text.held.slice(0, text.held.length - partial);
    // White space may belong to a call that follows.
    text.content(text.take(markers.length === 0 ? settled.length : lengthBeforeSpace(settled)));
    if (!(yield* text.more())) break;
  }
  // White space behind the last call is nobody's.
  const rest = text.take();
  text.content(text.toolCalls > 0 ? rest.trimEnd() : rest);
  return undefined;
}

/** Whether the held reasoning marker is not content. Of an empty pair of markers, both are held then. */
function* isStrayMarker(text: AnswerText, marker: string, charBefore: string): Script<boolean> {
  const { stray } = text;
  if (stray === undefined) return false;
  if (stray.isStray(marker, charBefore)) return true;
  const [open, close = ''] = stray.markers;
  if (marker !== open || stray.isQuoted(charBefore)) return false;
  const start = text.held.length;
  while (yield* text.more()) {
    const behind = text.held.slice(start).trimStart();
    if (behind === close) {
      stray.isStray(close, '');
      return true;
    }
    if (!close.startsWith(behind) || text.held.length > start + MAX_HEAD_CHARS) break;
  }
  text.reread();
  // Holds the marker again, and nothing behind it: that may begin another marker.
  for (let read = 0; read < start; read++) yield* text.more();
  return false;
}

/** All of the answer is content. */
export function* readContent(text: AnswerText): Script<void> {
  yield* contentUntil(text, []);
}

/**
 * Hands text out as content, and at each of `markers` lets `readCalls` read what is behind it. That gives false where it is
 * no call, and holds what it read: then the marker was content, too.
 */
export function* callsBehind(
  text: AnswerText,
  markers: readonly string[],
  readCalls: () => Script<boolean>,
): Script<void> {
  for (;;) {
    const found = yield* contentUntil(text, markers);
    if (found === undefined) return;
    if (yield* readCalls()) continue;
    text.content(found.space + found.marker);
    text.reread();
  }
}

/**
 * Reads on while what is held may still become one of `options`, white space before them allowed.
 *
 * The option that is held then, or undefined: then what is held begins like none of them. No option may begin with another.
 */
export function* readOneOf(
  text: AnswerText,
  options: readonly string[],
): Script<string | undefined> {
  for (;;) {
    const held = text.held.trimStart();
    if (options.includes(held)) return held;
    if (isTooLong(text) || !options.some((option) => option.startsWith(held))) return undefined;
    if (!(yield* text.more())) return undefined;
  }
}

/** The value of a JSON text; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
