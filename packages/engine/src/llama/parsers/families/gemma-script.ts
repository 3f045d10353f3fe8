import type { AnswerText, Script } from '../answer-text.ts';
import { callsAfter, isTooLong, readOneOf, skipBrackets } from '../script-steps.ts';
import { type Notation, streamMembers } from './literal-script.ts';

export const OPEN = '<|tool_call>';
export const CLOSE = '<tool_call|>';
/** The delimiter on both sides of a string. */
export const QUOTE = '<|"|>';

const HEAD = /^\s*call:\s*([\w./:-]+)\s*\{$/;
const HEAD_START = /^\s*(?:c|ca|cal|call|call:\s*[\w./:-]*\s*)?$/;

/** Strings in the delimiters of the family, or in quotes when a model falls back to them. */
const NOTATION: Notation = {
  members: { colon: ':', close: '}' },
  quotes: [
    { mark: QUOTE, hasEscapes: false, close: CLOSE },
    { mark: '"', hasEscapes: true },
    { mark: "'", hasEscapes: true },
  ],
};

/** Calls as `<|tool_call>call:name{key:<|"|>text<|"|>,other:1}<tool_call|>`. A call starts at its brace. */
export const readGemma = (text: AnswerText): Script<void> =>
  callsAfter(text, [OPEN], () => readCall(text));

/** False: it is not a call, and the text read is held. */
function* readCall(text: AnswerText): Script<boolean> {
  const name = yield* readName(text);
  if (name === undefined) return false;
  text.take();
  text.beginCall(name);
  if (!(yield* streamMembers(text, NOTATION))) return true;
  yield* skipBrackets(text, [CLOSE]);
  const close = yield* readOneOf(text, [CLOSE]);
  if (close !== undefined || CLOSE.startsWith(text.held.trim())) text.take();
  else text.reread();
  return true;
}

/** Reads up to and including the brace, which stays held. Undefined: it is not a call, and the text read is held. */
function* readName(text: AnswerText): Script<string | undefined> {
  while (yield* text.more()) {
    const name = HEAD.exec(text.held)?.[1];
    if (name !== undefined) return name;
    if (isTooLong(text) || !HEAD_START.test(text.held)) return undefined;
  }
  return undefined;
}
