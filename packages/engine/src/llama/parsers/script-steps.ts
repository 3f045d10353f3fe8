/** Steps that several families share. */
import type { AnswerText, LaterReasoning, Script } from './answer-text.ts';
import type { LaterMarker, LaterMarkers } from './later-markers.ts';
import { partialMarker, lengthBeforeSpace } from './output-parser.ts';

/** The longest head of a call: names have at most 64 characters. */
export const MAX_HEAD_CHARS = 300;

export const isTooLong = (text: AnswerText): boolean => text.held.length > MAX_HEAD_CHARS;

export interface FoundMarker {
  readonly marker: string;
  /** White space before it, which belongs to the call if there is one, otherwise to the content. */
  readonly space: string;
}

/**
 * Emits text as content until one of `markers` is complete, and takes the marker; undefined at the end.
 *
 * No marker may be a prefix of another.
 */
export function* contentUntil(
  text: AnswerText,
  markers: readonly string[],
): Script<FoundMarker | undefined> {
  if (text.isAfterCall) yield* skipClosers(text);
  const { later } = text;
  const all = [...markers, ...(later?.markers.all ?? [])];
  for (;;) {
    const marker = all.find((one) => text.held.endsWith(one));
    if (marker !== undefined && markers.includes(marker)) {
      const before = text.held.slice(0, -marker.length);
      const settled = before.trimEnd();
      text.content(text.take(settled.length));
      text.take();
      return { marker, space: before.slice(settled.length) };
    }
    if (marker !== undefined && later !== undefined) yield* readLater(text, marker, later);
    const partial = Math.max(0, ...all.map((one) => partialMarker(text.held, one)));
    const settled = text.held.slice(0, text.held.length - partial);
    // White space may belong to a call that follows.
    text.content(text.take(markers.length === 0 ? settled.length : lengthBeforeSpace(settled)));
    if (!(yield* text.more())) break;
  }
  // White space after the last call is dropped.
  const rest = text.take();
  text.content(text.toolCalls > 0 ? rest.trimEnd() : rest);
  return undefined;
}

/** Takes further closing markers right after a call, which some models write twice. */
function* skipClosers(text: AnswerText): Script<void> {
  const { closers } = text.syntax;
  while ((yield* readOneOf(text, closers)) !== undefined) text.take();
  const rest = text.held.trimStart();
  const isCutShort = rest !== '' && closers.some((closer) => closer.startsWith(rest));
  if (isCutShort) text.take();
  else text.reread();
}

/** Takes the reasoning marker at the end of the held text, and the reasoning that it starts, if any. */
function* readLater(
  text: AnswerText,
  marker: string,
  { markers, read }: LaterReasoning,
): Script<void> {
  const before = text.held.slice(0, -marker.length);
  const settled = before.trimEnd().length;
  text.content(text.take(settled));
  const found: LaterMarker = {
    marker,
    charBefore: before.at(-1) ?? text.charBefore,
    space: before.slice(settled),
    isAfterCall: text.isAfterCall,
  };
  if (markers.startsReasoning(found)) {
    const space = text.take(found.space.length);
    if (!found.isAfterCall) text.content(space);
    yield* read(text);
    return;
  }
  const isStray = yield* isStrayMarker(text, markers, found);
  const taken = text.take();
  if (!isStray) text.content(taken);
}

/** Whether the held reasoning marker is not content. Of an empty pair of markers, both are held then. */
function* isStrayMarker(
  text: AnswerText,
  markers: LaterMarkers,
  found: LaterMarker,
): Script<boolean> {
  if (markers.isStray(found)) return true;
  const [open, close = ''] = markers.all;
  if (found.marker !== open || markers.isText(found)) return false;
  const start = text.held.length;
  while (yield* text.more()) {
    const behind = text.held.slice(start).trimStart();
    if (behind === close) {
      markers.addEmptyPair();
      return true;
    }
    if (!close.startsWith(behind) || text.held.length > start + MAX_HEAD_CHARS) break;
  }
  text.reread();
  // Holds only the marker again, because the text after it may start another marker.
  for (let read = 0; read < start; read++) yield* text.more();
  return false;
}

/** All of the answer is content. */
export function* readContent(text: AnswerText): Script<void> {
  yield* contentUntil(text, []);
}

/**
 * Emits text as content, and calls `readCalls` after each of `markers`. If that returns false, the text is not a call
 * and stays held, and the marker is content too.
 */
export function* callsAfter(
  text: AnswerText,
  markers: readonly string[],
  readCalls: (before: string) => Script<boolean>,
): Script<void> {
  for (;;) {
    const found = yield* contentUntil(text, markers);
    if (found === undefined) return;
    const before = found.space + found.marker;
    if (yield* readCalls(before)) continue;
    text.content(before);
    text.reread();
  }
}

/**
 * Reads while the held text is a prefix of one of `options`, after optional white space.
 *
 * Returns the held option, or undefined if the held text is a prefix of none. No option may be a prefix of another.
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

/** Takes extra closing brackets after arguments, if one of `ends` or the end of the answer follows. */
export function* skipBrackets(text: AnswerText, ends: readonly string[]): Script<void> {
  while (!isTooLong(text) && (yield* text.more())) {
    const behind = text.held.replace(/^[\s}\]]+/, '');
    if (ends.includes(behind)) {
      text.reread(text.held.length - behind.length);
      return;
    }
    if (!ends.some((end) => end.startsWith(behind))) break;
  }
  if (/^[\s}\]]+$/.test(text.held)) text.take();
  else text.reread();
}

/** The value of a JSON text; undefined if it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
