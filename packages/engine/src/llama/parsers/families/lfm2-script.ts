import type { AnswerText, Script } from '../answer-text.ts';
import { readJsonCall } from '../json-calls.ts';
import { callsAfter, isTooLong, readOneOf } from '../script-steps.ts';
import { type Notation, streamMembers } from './literal-script.ts';

export const OPEN = '<|tool_call_start|>';
export const CLOSE = '<|tool_call_end|>';

/** Python literals, with the constants of Python and of JSON. */
export const PYTHON: Notation = {
  members: { colon: '=', close: ')' },
  quotes: [
    { mark: '"', hasEscapes: true },
    { mark: "'", hasEscapes: true },
  ],
};

/** Text before a call, within a list and without one. */
const GAP = /^[\s,]*$/;
const GAP_START = /^[\s,]+/;
const FIRST_GAP = /^\s*\[?\s*$/;

/** Calls as a list in Python, `[name(key="text", other=1), name()]`; in JSON if the prompt requests it. */
export const readLfm2 = (text: AnswerText): Script<void> =>
  callsAfter(text, [OPEN], () => readList(text));

/** False: the first call cannot be parsed, and the text read is held. */
function* readList(text: AnswerText): Script<boolean> {
  for (let gap = FIRST_GAP; ; gap = GAP) {
    while ((yield* text.more()) && !isTooLong(text) && gap.test(text.held));
    const isCall = text.held.endsWith('{')
      ? yield* readJsonCall(text, () => true)
      : yield* readCall(text);
    if (isCall) continue;
    if (gap === FIRST_GAP) return false;
    const rest = text.held.replace(GAP_START, '');
    const isEnd = rest === '' || [']', CLOSE].some((end) => end.startsWith(rest));
    text.reread(isEnd ? text.held.length - rest.length : 0);
    yield* skipEnd(text);
    return true;
  }
}

const HEAD = /^[\s,[]*([\w./-]+)\s*\($/;
const HEAD_START = /^[\s,[]*[\w./-]*\s*$/;

/** `name(key=value, …)`, which starts with the held text. False: it is not a call, and the text read is held. */
function* readCall(text: AnswerText): Script<boolean> {
  for (;;) {
    const name = HEAD.exec(text.held)?.[1];
    if (name !== undefined) {
      text.take();
      text.beginCall(name);
      yield* streamMembers(text, PYTHON);
      return true;
    }
    const mayBeHead = !isTooLong(text) && HEAD_START.test(text.held);
    if (!mayBeHead || !(yield* text.more())) return false;
  }
}

/** Reads the end of the list and the marker after the last call. Other text stays unread. */
function* skipEnd(text: AnswerText): Script<void> {
  const ends = [']', CLOSE];
  for (let end = yield* readOneOf(text, ends); end !== undefined;) {
    text.take();
    if (end === CLOSE) return;
    end = yield* readOneOf(text, [CLOSE]);
  }
  if (CLOSE.startsWith(text.held.trim())) text.take();
  else text.reread();
}
