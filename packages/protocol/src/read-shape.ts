/** Reads values of callers by a schema, with error messages for the caller. */
import type { z } from 'zod';

import { CortexError } from './errors.ts';

/** A problem and its location. */
interface Problem {
  readonly path: readonly PropertyKey[];
  /** Such as `must be a number`. */
  readonly message: string;
}

/**
 * `value` in the shape of `schema`. A schema's own message completes a sentence that begins with the name of the
 * field: `must be a number from 0 to 1`.
 *
 * @throws CortexError `invalid_request` with the path of the first wrong field as `param`.
 */
export function readShape<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value, { error: describe, reportInput: true });
  if (result.success) return result.data;
  const { path, message } = firstProblem(result.error.issues);
  const param = formatPath(path);
  throw new CortexError(
    'invalid_request',
    `${param === '' ? 'The body' : `"${param}"`} ${message}.`,
    param === '' ? {} : { param },
  );
}

function firstProblem(issues: readonly z.core.$ZodIssue[]): Problem {
  const [issue] = issues;
  if (issue === undefined) return { path: [], message: 'is not valid' };
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    return { path: [...issue.path, key], message: 'is not a known field' };
  }
  if (isMissing(issue)) return { path: issue.path, message: 'is missing' };
  if (issue.code !== 'invalid_union') return { path: issue.path, message: issue.message };
  return furthestOf(issue) ?? { path: issue.path, message: issue.message };
}

/** For a missing field, "is missing" is clearer than the type that it must have. */
const isMissing = ({ code, input }: z.core.$ZodIssue): boolean =>
  input === undefined && ['invalid_type', 'invalid_union', 'invalid_value'].includes(code);

/**
 * The problem of the alternative that matched furthest, which the caller most likely meant; undefined when none
 * matched any part.
 */
function furthestOf(issue: z.core.$ZodIssueInvalidUnion): Problem | undefined {
  const [furthest] = issue.errors
    .map((branch) => ({ problem: firstProblem(branch), first: branch[0] }))
    .map((branch) => ({ ...branch, progress: progressOf(branch.first, branch.problem.path) }))
    .filter(({ progress }) => progress.length > 0)
    .toSorted((a, b) => compareProgress(b.progress, a.progress));
  if (furthest === undefined) return undefined;
  const { path, message } = furthest.problem;
  return { path: [...issue.path, ...path], message };
}

/**
 * How far an alternative matched: one step per level, larger for later positions. A list that is only too long
 * matched completely.
 */
function progressOf(
  issue: z.core.$ZodIssue | undefined,
  path: readonly PropertyKey[],
): readonly number[] {
  if (issue === undefined) return [];
  const isSize = issue.code === 'too_big' || issue.code === 'too_small';
  if (issue.path.length === 0 && isSize && issue.origin === 'array') return [Infinity];
  return path.map((key) => (typeof key === 'number' ? key : 0));
}

function compareProgress(a: readonly number[], b: readonly number[]): number {
  const isWhole = (progress: readonly number[]): number => (progress[0] === Infinity ? 1 : 0);
  if (isWhole(a) !== isWhole(b)) return isWhole(a) - isWhole(b);
  return a.length - b.length || (a[0] ?? 0) - (b[0] ?? 0);
}

/** What a field must be, for schemas without a message. */
function describe(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${nameType(issue.expected)}`;
    case 'invalid_value':
      return `must be ${listOf(issue.values.map((value: unknown) => JSON.stringify(value)))}`;
    case 'too_small':
      if (isCounted(issue.origin) && issue.minimum === 1) return 'must not be empty';
      return `must ${issue.inclusive === false ? 'be more than' : atLeast(issue.origin)} ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `must ${issue.inclusive === false ? 'be less than' : atMost(issue.origin)} ${issue.maximum}${unitOf(issue.origin)}`;
    case 'invalid_format':
      return `must be a valid ${issue.format === 'regex' ? 'text' : issue.format}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return 'has an unknown field';
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'invalid_union':
    default:
      return 'has a wrong value';
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

const nameType = (type: string): string => TYPE_NAMES[type] ?? `a ${type}`;

const isCounted = (origin: string): boolean => origin === 'string' || origin === 'array';
const atLeast = (origin: string): string => (isCounted(origin) ? 'have at least' : 'be at least');
const atMost = (origin: string): string => (isCounted(origin) ? 'have at most' : 'be at most');

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

/** `"a"`, `"a" or "b"`, `"a", "b" or "c"`. */
function listOf(values: readonly string[]): string {
  const [last = ''] = values.slice(-1);
  return values.length < 2 ? last : `${values.slice(0, -1).join(', ')} or ${last}`;
}

/** `['messages', 0, 'role']` → `messages[0].role`. */
const formatPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) =>
      typeof key === 'number'
        ? `${text}[${key}]`
        : `${text === '' ? '' : `${text}.`}${String(key)}`,
    '',
  );
