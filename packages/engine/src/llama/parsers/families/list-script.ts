import type { AnswerText, Script } from '../answer-text.ts';
import { callsAfter, isTooLong, readOneOf } from '../script-steps.ts';

/** Calls as consecutive JSON objects between two markers. */
export interface CallList {
  /** Each of them starts a list. */
  readonly opens: readonly string[];
  /** Optional; absent if the answer ends with the list. */
  readonly closes: readonly string[];
  /** Reads the call that starts with the last held brace. False: it is not a call, and the text read is held. */
  readCall(text: AnswerText): Script<boolean>;
}

/** Text before the first call, and before the next ones. */
const FIRST_GAP = /^\s*\[?\s*$/;
const GAP = /^[\s,]*$/;

/** Reads lists of calls, with or without brackets. Other text is content. */
export const readLists = (text: AnswerText, list: CallList): Script<void> =>
  callsAfter(text, list.opens, () => readList(text, list));

/** Reads the calls after a marker up to the closing marker. False: there is none, and the text read is held. */
export function* readList(text: AnswerText, list: CallList): Script<boolean> {
  for (let gap = FIRST_GAP; ; gap = GAP) {
    while ((yield* text.more()) && !isTooLong(text) && gap.test(text.held));
    if (text.held.endsWith('{') && (yield* list.readCall(text))) continue;
    if (gap === FIRST_GAP) return false;
    yield* skipEnd(text, list.closes);
    return true;
  }
}

/** Reads the end of the list after the last call. Text that is neither bracket nor marker stays unread. */
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
