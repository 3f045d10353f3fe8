import type { AnswerText, Script } from '../answer-text.ts';
import { readJsonCall } from '../json-calls.ts';
import { readArguments } from '../named-arguments.ts';
import { callsAfter, isTooLong, skipBrackets } from '../script-steps.ts';

const CALLS = '[TOOL_CALLS]';

/** `name`, an id that is dropped, and the marker of arguments, or else their first brace. */
const HEAD = /^\s*([\w./:-]+)\s*(?:\[CALL_ID\]\s*[\w-]*\s*)?(?:\[ARGS\]|\{)$/;
/** An incomplete head. */
const HEAD_START = /^\s*[\w./:-]*\s*(?:\[[A-Z_\]]*[\w\s-]*){0,2}\{?$/;

/** Both forms that Mistral models write after `[TOOL_CALLS]`: a JSON list of calls, or `name[ARGS]{…}`. */
export const readMistral = (text: AnswerText): Script<void> =>
  callsAfter(text, [CALLS], () => readCalls(text));

function* readCalls(text: AnswerText): Script<boolean> {
  while ((yield* text.more()) && !isTooLong(text) && text.held.trim() === '');
  return text.held.endsWith('[') ? yield* readList(text) : yield* readNamed(text);
}

/** Reads the list after the held bracket. False: it cannot be parsed, and the text read is held. */
function* readList(text: AnswerText): Script<boolean> {
  let isBegun = false;
  for (;;) {
    while ((yield* text.more()) && !isTooLong(text) && /^(?:\s*\[)?[\s,]*$/.test(text.held));
    if (text.held.endsWith('{') && (yield* readJsonCall(text, () => true))) {
      isBegun = true;
      continue;
    }
    if (!isBegun) return false;
    if (/^[\s,]*\]?$/.test(text.held)) text.take();
    else text.reread();
    return true;
  }
}

/** `name[ARGS]{…}`, whose first character is held. False: it is not a call, and the text read is held. */
function* readNamed(text: AnswerText): Script<boolean> {
  for (;;) {
    const name = HEAD.exec(text.held)?.[1];
    if (name !== undefined) {
      const at = text.held.length - (text.endsWith('{') ? 1 : 0);
      const read = yield* readArguments(text, { name, at, ends: [CALLS] });
      if (read === 'whole') yield* skipBrackets(text, [CALLS]);
      return read !== 'none';
    }
    const mayBeHead = !isTooLong(text) && HEAD_START.test(text.held);
    if (!mayBeHead || !(yield* text.more())) return false;
  }
}
