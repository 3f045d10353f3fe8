import { MAX_HEAD_CHARS, parseJson } from './script-steps.ts';

/** Names of the member with the arguments of a call. */
const ARGUMENTS = ['arguments', 'parameters'];

/** Members that the object of a call may have before its arguments. */
const MEMBERS = ['name', 'type', 'id', ...ARGUMENTS];

/**
 * What the start of a JSON object can be: `open`, the incomplete head of a call; `begun`, a call whose arguments have
 * started; `none`, not a call.
 */
export type CallHead = 'open' | 'begun' | 'none';

/**
 * Reads the head of a call at the start of an object, including its brace.
 *
 * Decides as early as possible, so that an answer in JSON is not held back: at a member that calls do not have, at a
 * name that is not callable, at the latest after `MAX_HEAD_CHARS`.
 */
export function readCallHead(json: string, isCallable: (name: string) => boolean): CallHead {
  if (json.length > MAX_HEAD_CHARS) return 'none';
  for (let at = 1; ;) {
    const member = matchAt(/\s*("[^"\\]*")\s*:\s*/y, json, at);
    if (member === undefined) return isStartOfMember(json.slice(at)) ? 'open' : 'none';
    const key = parseJson(member.text);
    if (typeof key !== 'string' || !MEMBERS.includes(key)) return 'none';
    const rest = json.slice(member.end);
    if (rest === '') return 'open';
    // A string is accepted too, because some models write arguments as one.
    if (ARGUMENTS.includes(key) && /^["{]/.test(rest)) return 'begun';
    const value = matchAt(VALUES[key === 'name' ? 'name' : 'other'], json, member.end);
    if (value === undefined) return isStartOfValue(key, rest) ? 'open' : 'none';
    const name = key === 'name' ? parseJson(value.text) : undefined;
    if (key === 'name' && (typeof name !== 'string' || !isCallable(name))) return 'none';
    const comma = matchAt(/\s*(,)/y, json, value.end);
    if (comma === undefined) return json.slice(value.end).trim() === '' ? 'open' : 'none';
    at = comma.end;
  }
}

/** A plain value is complete only when something follows it. */
const VALUES = {
  name: /("(?:[^"\\]|\\.)*")/y,
  other: /("(?:[^"\\]|\\.)*"|[\w.+-]+(?=[\s,}]))/y,
} as const;

const isStartOfMember = (text: string): boolean => {
  const key = text.trimStart();
  return MEMBERS.some((member) => `"${member}"`.startsWith(key.trimEnd()));
};

const isStartOfValue = (key: string, text: string): boolean =>
  text.startsWith('"') || (key !== 'name' && /^[\w.+-]+$/.test(text));

/** The group of the sticky `pattern` at `at`, and the end of the match. */
function matchAt(
  pattern: RegExp,
  text: string,
  at: number,
): { readonly text: string; readonly end: number } | undefined {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match === null ? undefined : { text: match[1] ?? '', end: pattern.lastIndex };
}
