import type { AnswerText, Script } from '../answer-text.ts';
import { readArguments } from '../named-arguments.ts';
import { isTooLong, parseJson, readOneOf } from '../script-steps.ts';

const HEAD = /^\{\s*("(?:[^"\\]|\\.)+")\s*:$/;
const HEAD_START = /^\{\s*(?:"(?:[^"\\]|\\.)*(?:\\|"\s*(?::\s*)?)?)?$/;

/** Reads `{"name": {…}}`, which starts with the last held brace. False: it is not a call, and the text read is held. */
export function* readNamedCall(text: AnswerText): Script<boolean> {
  const start = text.held.length - 1;
  while ((yield* text.more()) && !isTooLong(text)) {
    const json = text.held.slice(start);
    const quoted = HEAD.exec(json)?.[1];
    if (quoted === undefined) {
      if (HEAD_START.test(json)) continue;
      return false;
    }
    const name = String(parseJson(quoted));
    const read = yield* readArguments(text, { name, at: text.held.length, ends: ['}'] });
    if (read !== 'whole') return read === 'cut';
    if ((yield* readOneOf(text, ['}'])) !== undefined) text.take();
    else text.reread();
    return true;
  }
  return false;
}
