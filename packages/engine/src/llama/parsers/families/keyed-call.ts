import { isJsonObject } from '@cortex/protocol';
import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import type { AnswerText, Script } from '../answer-text.ts';
import { JsonObjectScanner } from '../json-object-scanner.ts';
import { streamObject } from '../json-arguments.ts';
import { objectInText } from '../named-arguments.ts';
import { isTooLong, MAX_HEAD_CHARS, parseJson } from '../script-steps.ts';

/** Members of the object of a call, in place of `name` and `arguments`. */
export interface CallMembers {
  readonly name: string;
  readonly arguments: string;
  /** Further members, whose values are dropped. */
  readonly others: readonly string[];
}

/** Members with plain values, each followed by a comma. */
const PLAIN = String.raw`(?:"\w+"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[\w.+-]+)\s*,\s*)*`;

/**
 * Reads the call that starts with the last held brace. Streams the arguments if the name precedes them.
 *
 * False: it is not a call, and the text read is held.
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
    if (isTooFar || isNotCall(json, members)) return false;
    at = text.held.length;
    if (!(yield* text.more())) return false;
  }
}

interface WholeCall {
  readonly json: string;
  readonly members: CallMembers;
  /** Index of the first brace of the arguments; undefined if there are none. */
  readonly argumentsAt: number | undefined;
}

function readWhole(text: AnswerText, { json, members, argumentsAt }: WholeCall): boolean {
  const name = nameIn(json, members);
  const rest = argumentsAt === undefined ? undefined : json.slice(argumentsAt);
  if (name === undefined) return false;
  const given =
    rest?.slice(0, new JsonObjectScanner().scan(rest)) ??
    plainArguments(memberOf(json, members.arguments), text.toolNamed(name));
  if (given === undefined) return false;
  text.beginCall(name, given);
  text.take();
  return true;
}

/** Arguments that are not an object: `null`, missing, or an object in a string. Undefined: they cannot be parsed. */
function plainArguments(given: unknown, tool: CallableTool | undefined): string | undefined {
  return given === undefined || given === null ? '{}' : objectInText(given, tool);
}

function nameIn(json: string, members: CallMembers): string | undefined {
  const name = memberOf(json, members.name);
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function memberOf(json: string, key: string): unknown {
  const call = parseJson(json);
  return isJsonObject(call) ? call[key] : undefined;
}

/** Decides as early as possible, so that an answer in JSON is not held back. */
function isNotCall(json: string, { name, arguments: given, others }: CallMembers): boolean {
  const first = /^\{\s*(?:"([^"\\]*)"|([^"\s]|"[^"]*\\))/.exec(json);
  return first !== null && ![name, given, ...others].includes(first[1] ?? '');
}

/** Reads from after the arguments to the end of the object. Further members are dropped. */
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
