import type { AnswerText, Script } from '../answer-text.ts';
import { readMarkedCall } from '../json-calls.ts';
import { readOneOf, skipBrackets } from '../script-steps.ts';
import { isCutShort } from './parameter-script.ts';

/**
 * Reads a call in JSON in place of the family's own form, from its held brace up to `close`.
 *
 * False: it is not such a call, and the text read is held.
 */
export function* readJsonBetweenTags(text: AnswerText, close: string): Script<boolean> {
  if (text.held.trim() !== '{' || !(yield* readMarkedCall(text))) return false;
  yield* skipBrackets(text, [close]);
  yield* skipClose(text, close);
  return true;
}

/** Takes the closing tag of a call, if it follows. */
export function* skipClose(text: AnswerText, close: string): Script<void> {
  const marker = yield* readOneOf(text, [close]);
  if (marker !== undefined || isCutShort(text.held, [close])) text.take();
  else text.reread();
}
