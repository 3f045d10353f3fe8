import { MAX_HEAD_CHARS, parseJson } from './script-steps.ts';

/** Members that hold the arguments of a call. */
const ARGUMENTS = ['arguments', 'parameters'];

/** Members that the object of a call may have before its arguments. */
const MEMBERS = ['name', 'type', 'id', ...ARGUMENTS];

/**
 * What the beginning of a JSON object may still be: `open`, the head of a call; `begun`, a call whose arguments have begun;
 * `none`, no call at all.
 */
export type CallHead = 'open' | 'begun' | 'none';

/**
 * Reads the head of a call off the beginning of an object, its brace included.
 *
 * Decides as early as can be, so that an answer in JSON is not held back: at a member that calls do not have, at a name
 * that is not callable, at the latest behind `MAX_HEAD_CHARS`.
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
    // A string, too: some models write arguments as one.
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

/** A plain value is whole only when something follows it. */
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

/** What the group of `pattern`, which is sticky, holds at `at`, and where the match ends. */
function matchAt(
  pattern: RegExp,
  text: string,
  at: number,
): { readonly text: string; readonly end: number } | undefined {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match === null ? undefined : { text: match[1] ?? '', end: pattern.lastIndex };
}
