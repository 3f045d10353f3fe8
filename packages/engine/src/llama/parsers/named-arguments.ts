import type { CallableTool } from '../../grammar/answer-grammar.ts';
import type { AnswerText, Script } from './answer-text.ts';
import { repairedObject, streamObject } from './json-arguments.ts';
import { MemberTypes } from './member-types.ts';
import { MAX_HEAD_CHARS, parseJson } from './script-steps.ts';

/** Where the arguments of a call start, after its name. */
export interface NamedArguments {
  readonly name: string;
  /** Their index in the held text. */
  readonly at: number;
  /** Texts that may follow the name if the call has no arguments. */
  readonly ends: readonly string[];
}

/**
 * Starts the call and reads its arguments. Missing arguments and `null` are an empty object; a string contains the
 * object as JSON.
 *
 * `cut`: the answer ends within them. `none`: they cannot be parsed, no call is started, and the text read is held.
 */
export function* readArguments(
  text: AnswerText,
  { name, at, ends }: NamedArguments,
): Script<'whole' | 'cut' | 'none'> {
  for (;;) {
    const given = text.heldFrom(at).trim();
    if (given === '{') {
      text.beginCall(name);
      text.take(text.held.length - 1);
      return (yield* streamObject(text)) ? 'whole' : 'cut';
    }
    if (given === '"') return yield* readText(text, name);
    const end = given === 'null' ? '' : ends.find((one) => one === given);
    if (end !== undefined) {
      text.beginCall(name, '{}');
      text.reread(text.held.length - end.length);
      return 'whole';
    }
    const mayBegin = ['null', ...ends].some((one) => one.startsWith(given));
    if (!mayBegin || text.held.length > at + MAX_HEAD_CHARS) return 'none';
    if (yield* text.more()) continue;
    return given === '' ? endWithout(text, name) : 'none';
  }
}

/** The answer ends before the arguments. */
function endWithout(text: AnswerText, name: string): 'whole' | 'cut' {
  text.take();
  text.beginCall(name);
  text.endCall('{}', 'between values');
  return text.isCutOff ? 'cut' : 'whole';
}

/** Reads arguments in a string from its held first quote. */
function* readText(text: AnswerText, name: string): Script<'whole' | 'none'> {
  const start = text.held.length - 1;
  let isEscaped = false;
  while (yield* text.more()) {
    const char = text.heldFrom(text.held.length - 1);
    if (char === '"' && !isEscaped) {
      const json = objectInText(parseJson(text.heldFrom(start)), text.toolNamed(name));
      if (json === undefined) return 'none';
      text.beginCall(name, json);
      text.take();
      return 'whole';
    }
    isEscaped = char === '\\' && !isEscaped;
  }
  return 'none';
}

/** The JSON object in a string, as arguments of `tool` (undefined: not offered); undefined if there is none. */
export function objectInText(value: unknown, tool: CallableTool | undefined): string | undefined {
  if (typeof value !== 'string' || !value.trimStart().startsWith('{')) return undefined;
  if (parseJson(value) !== undefined) return value;
  return repairedObject(value.trimStart(), { types: new MemberTypes(tool?.parameters), depth: 1 });
}
