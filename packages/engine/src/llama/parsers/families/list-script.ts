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

const FENCE = '```';

/** Text before the first call, which some models put in a fence, and before the next ones. */
const FIRST_GAP = /^\s*(?:`{1,2}|```(?:j|js|jso|(?:json)?\s*\[?)|\[)?\s*$/;
const GAP = /^[\s,]*$/;

/** Reads lists of calls, with or without brackets. Other text is content. */
export const readLists = (text: AnswerText, list: CallList): Script<void> =>
  callsAfter(text, list.opens, () => readList(text, list));

/** Reads the calls after a marker up to the closing marker. False: there is none, and the text read is held. */
export function* readList(text: AnswerText, list: CallList): Script<boolean> {
  let isFenced = false;
  for (let gap = FIRST_GAP; ; gap = GAP) {
    while ((yield* text.more()) && !isTooLong(text) && gap.test(text.held));
    if (gap === FIRST_GAP) isFenced = text.held.trimStart().startsWith(FENCE);
    if (text.held.endsWith('{') && (yield* list.readCall(text))) continue;
    if (gap === FIRST_GAP) return false;
    yield* skipEnd(text, { closes: list.closes, isFenced });
    return true;
  }
}

interface ListEnd {
  readonly closes: readonly string[];
  readonly isFenced: boolean;
}

/** Reads the end of the list after the last call. Text that is neither bracket nor marker stays unread. */
function* skipEnd(text: AnswerText, { closes, isFenced }: ListEnd): Script<void> {
  if (GAP.test(text.held)) {
    text.take();
    return;
  }
  if (/^[\s,]*\]$/.test(text.held)) text.take();
  else text.reread();
  if (isFenced) yield* skipMarker(text, [FENCE]);
  yield* skipMarker(text, closes);
}

/** Takes one of `markers`, if it follows. */
function* skipMarker(text: AnswerText, markers: readonly string[]): Script<void> {
  if (markers.length === 0) return;
  const close = yield* readOneOf(text, markers);
  if (close !== undefined || markers.some((one) => one.startsWith(text.held.trim()))) text.take();
  else text.reread();
}
