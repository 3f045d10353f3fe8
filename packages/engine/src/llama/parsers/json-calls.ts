/** Calls as JSON objects. */
import { isJsonObject } from '@cortex/protocol';
import type { CallableTool } from '../../grammar/answer-grammar.ts';
import type { AnswerText, Script } from './answer-text.ts';
import { type CallHead, readCallHead } from './call-head.ts';
import { JsonObjectScanner } from './json-object-scanner.ts';
import { repairedObject, streamObject } from './json-arguments.ts';
import { MemberTypes } from './member-types.ts';
import { objectInText } from './named-arguments.ts';
import { MAX_HEAD_CHARS, parseJson } from './script-steps.ts';

/**
 * Reads the call that starts with the last held brace. Streams the arguments if the name comes first.
 *
 * False: it is not a call, or the tool is not callable; the text read is held. Decides as early as possible.
 */
export const readJsonCall = (
  text: AnswerText,
  isCallable: (name: string) => boolean,
): Script<boolean> =>
  readObject(text, { isCallable, readHead: (json) => readCallHead(json, isCallable) });

/** Reads a call after a marker. The object may have any members, and is held until its end. */
export const readMarkedCall = (text: AnswerText): Script<boolean> =>
  readObject(text, { isCallable: () => true, readHead: () => 'open' });

interface CallObject {
  readonly isCallable: (name: string) => boolean;
  readonly readHead: (json: string) => CallHead;
}

function* readObject(text: AnswerText, { isCallable, readHead }: CallObject): Script<boolean> {
  const start = text.held.length - 1;
  const scanner = new JsonObjectScanner();
  let head: CallHead = 'open';
  for (let at = start; ;) {
    scanner.scan(text.held.slice(at));
    const json = text.held.slice(start);
    const name = nameOfHead(json);
    if (name !== undefined) {
      if (!isCallable(name)) return false;
      text.beginCall(name);
      text.take(text.held.length - 1);
      if (yield* streamObject(text)) yield* skipRest(text);
      return true;
    }
    if (scanner.isDone) {
      const call = readCall(json, (called) => text.toolNamed(called));
      if (call === undefined || !isCallable(call.name)) return false;
      text.beginCall(call.name, call.arguments);
      text.take();
      return true;
    }
    if (head === 'open') head = readHead(json);
    if (head === 'none') return false;
    at = text.held.length;
    if (!(yield* text.more())) return false;
  }
}

/** Reads from after the arguments to the end of the object. Further members (an id) are dropped. */
function* skipRest(text: AnswerText): Script<void> {
  while (yield* text.more()) {
    if (/^\s*(?:,\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[\w.+-]+)\s*)*\}$/.test(text.held)) {
      text.take();
      return;
    }
    if (text.held.length > MAX_HEAD_CHARS || !/^\s*(?:,[\s\w",:.+-]*)?$/.test(text.held)) break;
  }
  text.reread();
}

/** Members with the name and with the arguments, in the order of preference. */
const NAMES = ['name', 'tool', 'tool_name', 'function'];
const ARGUMENTS = ['arguments', 'parameters', 'args'];

interface WholeCall {
  readonly name: string;
  readonly arguments: string;
}

type ToolNamed = (name: string) => CallableTool | undefined;

/**
 * A complete call: `{"name": …, "arguments": {…}}`, members in any order and under the other names that models use. The
 * member `function` may contain the call.
 */
function readCall(json: string, toolNamed: ToolNamed): WholeCall | undefined {
  const call = parseJson(json);
  if (call === undefined) return readBroken(json, toolNamed);
  if (!isJsonObject(call)) return undefined;
  const name = call[NAMES.find((member) => member in call) ?? 'name'];
  if (isJsonObject(name) && name === call['function'])
    return readCall(memberText(json, 'function'), toolNamed);
  if (typeof name !== 'string' || name === '') return undefined;
  const member = ARGUMENTS.find((one) => one in call) ?? 'arguments';
  const given = call[member];
  if (typeof given === 'string') return { name, arguments: textAsJson(given, toolNamed(name)) };
  if (given === undefined || given === null) return { name, arguments: '{}' };
  if (typeof given !== 'object' || Array.isArray(given)) return undefined;
  return { name, arguments: memberText(json, member) };
}

/** A call in invalid JSON. The types of its arguments are known only when its name is. */
function readBroken(json: string, toolNamed: ToolNamed): WholeCall | undefined {
  const repaired = repairedObject(json);
  const call = repaired === json ? undefined : readCall(repaired, toolNamed);
  if (call === undefined) return undefined;
  const types = new MemberTypes(toolNamed(call.name)?.parameters);
  return readCall(repairedObject(json, { types, depth: 2 }), toolNamed);
}

/** Arguments that the model wrote as a string: the JSON in the string, otherwise the string. */
function textAsJson(given: string, tool: CallableTool | undefined): string {
  if (parseJson(given) !== undefined) return given;
  return objectInText(given, tool) ?? JSON.stringify(given);
}

/** The unchanged text of an object member in `json`, so that digits beyond a double are kept. */
function memberText(json: string, name: string): string {
  const key = /\s*,?\s*("(?:[^"\\]|\\.)*")\s*:\s*/y;
  const plain = /"(?:[^"\\]|\\.)*"|[^\s,}]+/y;
  let found = '{}';
  for (let at = json.indexOf('{') + 1; ;) {
    key.lastIndex = at;
    const match = key.exec(json);
    if (match === null) return found;
    const start = key.lastIndex;
    if (/[[{]/.test(json.charAt(start)))
      at = start + new JsonObjectScanner().scan(json.slice(start));
    else {
      plain.lastIndex = start;
      plain.test(json);
      at = plain.lastIndex;
    }
    if (parseJson(match[1] ?? '') === name) found = json.slice(start, at);
  }
}

/** The head of a JSON call whose arguments can be streamed: the name, then the start of an object. */
const CALL_HEAD =
  /^\s*\{\s*(?:"(?:type|id)"\s*:\s*"[^"\\]*"\s*,\s*)*"name"\s*:\s*("(?:[^"\\]|\\.)+")\s*,\s*"(?:arguments|parameters)"\s*:\s*\{$/;

/**
 * The name, if the held text is the head of a call up to the first brace of its arguments. Undefined above the longest
 * head, because a name full of braces would be matched again at each brace.
 */
function nameOfHead(held: string): string | undefined {
  if (!held.endsWith('{') || held.length > MAX_HEAD_CHARS) return undefined;
  const match = CALL_HEAD.exec(held);
  const name = match === null ? undefined : parseJson(match[1] ?? '');
  return typeof name === 'string' ? name : undefined;
}
