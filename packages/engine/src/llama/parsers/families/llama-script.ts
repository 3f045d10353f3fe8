import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import type { AnswerText, Script } from '../answer-text.ts';
import { readJsonCall } from '../json-calls.ts';
import { readArguments } from '../named-arguments.ts';
import { contentUntil, isTooLong, readOneOf, skipBrackets } from '../script-steps.ts';
import { PYTHON } from './lfm2-script.ts';
import { streamMembers } from './literal-script.ts';

const PYTHON_TAG = '<|python_tag|>';
const FUNCTION = '<function=';
const END_FUNCTION = '</function>';

export interface LlamaRequest {
  readonly tools: readonly CallableTool[];
  /** The answer starts in the prompt, so JSON within it is not a call. */
  readonly isContinued: boolean;
}

/**
 * The call forms of Llama 3 models: bare JSON as the whole answer, several separated by `;` or line breaks; JSON or
 * `name.call(arg="…")` after `<|python_tag|>`; `<function=name>{…}</function>`.
 *
 * Bare JSON is a call only if it names an offered tool; else it is an answer in JSON.
 */
export function* readLlama(text: AnswerText, { tools, isContinued }: LlamaRequest): Script<void> {
  const names = new Set(tools.map((tool) => tool.name));
  if (!isContinued) yield* readJsonCalls(text, (name) => names.has(name));
  for (;;) {
    const found = yield* contentUntil(text, [PYTHON_TAG, FUNCTION]);
    if (found === undefined) return;
    const isCall =
      found.marker === FUNCTION
        ? yield* readTagged(text)
        : (yield* readJsonCalls(text, () => true)) || (yield* readPython(text));
    if (isCall) continue;
    text.content(found.space + found.marker);
    text.reread();
  }
}

/** Consecutive calls in JSON; the text after them stays unread. False: there is none. */
function* readJsonCalls(text: AnswerText, isCallable: (name: string) => boolean): Script<boolean> {
  let count = 0;
  do {
    const gap = count === 0 ? /^\s*$/ : /^[\s;,]*$/;
    while ((yield* text.more()) && !isTooLong(text) && gap.test(text.held));
    if (count > 0 && gap.test(text.held)) text.take();
  } while (text.held.endsWith('{') && (yield* readJsonCall(text, isCallable)) && ++count > 0);
  text.reread();
  return count > 0;
}

/** `name>{…}</function>`, after the marker. False: it is not a call, and the text read is held. */
function* readTagged(text: AnswerText): Script<boolean> {
  while ((yield* text.more()) && !isTooLong(text) && /^[^<>\n]+$/.test(text.held));
  const name = /^([^<>\n]+)>$/.exec(text.held)?.[1]?.trim();
  if (name === undefined || name === '') return false;
  const at = text.held.length;
  const read = yield* readArguments(text, { name, at, ends: [END_FUNCTION] });
  if (read !== 'whole') return read === 'cut';
  yield* skipBrackets(text, [END_FUNCTION]);
  const close = yield* readOneOf(text, [END_FUNCTION]);
  if (close !== undefined || END_FUNCTION.startsWith(text.held.trim())) text.take();
  else text.reread();
  return true;
}

/** `name.call(arg="…")`, after the marker. False: it is not a call, and the text read is held. */
function* readPython(text: AnswerText): Script<boolean> {
  while (yield* text.more()) {
    const name = /^\s*([\w.]+)\.call\($/.exec(text.held)?.[1];
    if (name === undefined) {
      if (/^\s*[\w.]*$/.test(text.held) && !isTooLong(text)) continue;
      return false;
    }
    text.take();
    text.beginCall(name);
    yield* streamMembers(text, PYTHON);
    return true;
  }
  return false;
}
