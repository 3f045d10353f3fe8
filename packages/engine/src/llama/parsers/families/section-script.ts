import type { AnswerText, Script } from '../answer-text.ts';
import { readArguments } from '../named-arguments.ts';
import { contentUntil, isTooLong, readOneOf, skipBrackets } from '../script-steps.ts';

/** Calls in a section, each with its own head before arguments in JSON. */
export interface CallSections {
  readonly begin: string;
  readonly end: string;
  readonly callBegin: string;
  readonly callEnd: string;
  /** From after `callBegin` to the arguments; captures the name. */
  readonly head: RegExp;
  /** An incomplete head. */
  readonly headStart: RegExp;
}

/** Reads calls in sections. The markers of the section and the marker after a call are optional. */
export function* readSections(text: AnswerText, form: CallSections): Script<void> {
  for (;;) {
    const found = yield* contentUntil(text, [form.begin, form.callBegin]);
    if (found === undefined) return;
    let before = found.space + found.marker;
    if (found.marker === form.begin) {
      if ((yield* readOneOf(text, [form.callBegin])) === undefined) {
        text.content(before);
        text.reread();
        continue;
      }
      before += text.take();
    }
    yield* readCalls(text, form, before);
  }
}

/**
 * Consecutive calls, from after the first marker.
 *
 * @param before - Emitted as content if the first call cannot be parsed.
 */
function* readCalls(text: AnswerText, form: CallSections, before: string): Script<void> {
  for (let lost = before; ;) {
    const name = yield* readHead(text, form);
    const ends = [form.callEnd, form.callBegin, form.end];
    const at = text.held.length;
    const read = name === undefined ? 'none' : yield* readArguments(text, { name, at, ends });
    if (read === 'none') {
      text.content(lost);
      text.reread();
      return;
    }
    if (read === 'cut') return;
    yield* skipBrackets(text, ends);
    let next = yield* readOneOf(text, ends);
    if (next === form.callEnd) {
      text.take();
      next = yield* readOneOf(text, ends.slice(1));
    }
    if (next === undefined) {
      if (ends.some((mark) => mark.startsWith(text.held.trim()))) text.take();
      else text.reread();
      return;
    }
    lost = text.take();
    if (next === form.end) return;
  }
}

/** The name in the head of a call, which is held; undefined if it cannot be parsed. */
function* readHead(
  text: AnswerText,
  { head, headStart }: CallSections,
): Script<string | undefined> {
  while (yield* text.more()) {
    const name = head.exec(text.held)?.[1];
    if (name !== undefined) return name;
    if (isTooLong(text) || !headStart.test(text.held)) return undefined;
  }
  return undefined;
}
