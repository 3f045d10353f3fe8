import type { AnswerText, Script } from '../answer-text.ts';
import { callsBehind, isTooLong, readOneOf } from '../script-steps.ts';

/** Calls as JSON objects one behind the other, between two markers. */
export interface CallList {
  /** Either begins a list. */
  readonly opens: readonly string[];
  /** May be left out; none where the answer ends with the list. */
  readonly closes: readonly string[];
  /** Reads the call that begins with the brace held last. False: it is none, and what was read is held. */
  readCall(text: AnswerText): Script<boolean>;
}

/** What may stand before the first call, and before the next. */
const FIRST_GAP = /^\s*\[?\s*$/;
const GAP = /^[\s,]*$/;

/** Reads lists of calls, in brackets or without; the rest is content. */
export const readLists = (text: AnswerText, list: CallList): Script<void> =>
  callsBehind(text, list.opens, () => readList(text, list));

/** The calls behind a marker, to the marker that closes them. False: there is none, and what was read is held. */
export function* readList(text: AnswerText, list: CallList): Script<boolean> {
  for (let gap = FIRST_GAP; ; gap = GAP) {
    while ((yield* text.more()) && !isTooLong(text) && gap.test(text.held));
    if (text.held.endsWith('{') && (yield* list.readCall(text))) continue;
    if (gap === FIRST_GAP) return false;
    yield* skipEnd(text, list.closes);
    return true;
  }
}

/** Behind the last call. What is neither bracket nor marker will be read again. */
function* skipEnd(text: AnswerText, closes: readonly string[]): Script<void> {
  if (GAP.test(text.held)) {
    text.take();
    return;
  }
  if (/^[\s,]*\]$/.test(text.held)) text.take();
  else text.reread();
  if (closes.length === 0) return;
  const close = yield* readOneOf(text, closes);
  if (close !== undefined || closes.some((one) => one.startsWith(text.held.trim()))) text.take();
  else text.reread();
}
