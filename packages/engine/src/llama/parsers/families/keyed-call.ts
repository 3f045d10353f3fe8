import type { AnswerText, Script } from '../answer-text.ts';
import { JsonObjectScanner } from '../json-object-scanner.ts';
import { streamObject } from '../json-arguments.ts';
import { isTooLong, MAX_HEAD_CHARS, parseJson } from '../script-steps.ts';

/** Members of the object of a call: where other families have `name` and `arguments`. */
export interface CallMembers {
  readonly name: string;
  readonly arguments: string;
  /** May stand beside them; their values are left out. */
  readonly others: readonly string[];
}

/** Members with plain values, each with a comma behind it. */
const PLAIN = String.raw`(?:"\w+"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[\w.+-]+)\s*,\s*)*`;

/**
 * Reads the call that begins with the brace held last; arguments go out as they come when the name stands before them.
 *
 * False: it is none, and what was read is held.
 */
export function* readKeyedCall(text: AnswerText, members: CallMembers): Script<boolean> {
  const head = new RegExp(String.raw`^\{\s*(${PLAIN})"${members.arguments}"\s*:\s*\{$`);
  const start = text.held.length - 1;
  const scanner = new JsonObjectScanner();
  let argumentsAt: number | undefined;
  for (let at = start; ;) {
    scanner.scan(text.held.slice(at));
    const json = text.held.slice(start);
    const mayBeHead = argumentsAt === undefined && json.endsWith('{');
    const before = mayBeHead ? head.exec(json)?.[1] : undefined;
    if (before !== undefined) {
      const name = nameIn(`{${before.replace(/,\s*$/, '')}}`, members);
      if (name !== undefined) {
        text.beginCall(name);
        text.take(text.held.length - 1);
        if (yield* streamObject(text)) yield* skipRest(text);
        return true;
      }
      argumentsAt = json.length - 1;
    }
    if (scanner.isDone) return readWhole(text, { json, members, argumentsAt });
    const isTooFar = argumentsAt === undefined && json.length > MAX_HEAD_CHARS;
    if (isTooFar || isNoCall(json, members)) return false;
    at = text.held.length;
    if (!(yield* text.more())) return false;
  }
}

interface WholeCall {
  readonly json: string;
  readonly members: CallMembers;
  /** Where the first brace of the arguments stands; undefined where there are none. */
  readonly argumentsAt: number | undefined;
}

function readWhole(text: AnswerText, { json, members, argumentsAt }: WholeCall): boolean {
  const name = nameIn(json, members);
  const rest = argumentsAt === undefined ? undefined : json.slice(argumentsAt);
  const given = rest?.slice(0, new JsonObjectScanner().scan(rest));
  if (name === undefined || (given === undefined && json.includes(`"${members.arguments}"`)))
    return false;
  text.beginCall(name, given ?? '{}');
  text.take();
  return true;
}

function nameIn(json: string, members: CallMembers): string | undefined {
  const call = parseJson(json);
  if (typeof call !== 'object' || call === null) return undefined;
  const name: unknown = Reflect.get(call, members.name);
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** As early as can be told, so that an answer in JSON is not held back to its end. */
function isNoCall(json: string, { name, arguments: given, others }: CallMembers): boolean {
  const first = /^\{\s*(?:"([^"\\]*)"|([^"\s]|"[^"]*\\))/.exec(json);
  return first !== null && ![name, given, ...others].includes(first[1] ?? '');
}

/** Behind the arguments, to the end of the object: further members are left out. */
function* skipRest(text: AnswerText): Script<void> {
  while (yield* text.more()) {
    if (/^\s*(?:,\s*"\w+"\s*:\s*(?:"[^"\\]*"|[\w.+-]+)\s*)*\}$/.test(text.held)) {
      text.take();
      return;
    }
    if (isTooLong(text) || !/^\s*(?:,[\s\w",:.+-]*)?$/.test(text.held)) break;
  }
  text.reread();
}
