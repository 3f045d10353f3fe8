import { type z } from 'zod';

import { formatKeyPath, isTree, type KeyPath } from './key-path.ts';
import { nearestName } from './nearest-name.ts';
import {
  headerHint,
  keysAt,
  listConfigKeys,
  listHint,
  schemaAt,
  typePhrase,
} from './schema-shape.ts';

/** One problem of a configuration, without its place. */
export interface Problem {
  readonly path: KeyPath;
  readonly message: string;
}

const toKeyPath = (path: readonly PropertyKey[]): KeyPath =>
  path.map((part) => (typeof part === 'number' ? part : String(part)));

const MAX_SHOWN_CHARS = 60;

function showValue(value: unknown): string {
  // JSON has no NaN and no infinity.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}

const lastNameOf = (key: string): string => key.slice(key.lastIndexOf('.') + 1);

/** The known key that was probably meant: a sibling, otherwise the only key of such a name in another table. */
function nearestKey(path: KeyPath, schema: z.ZodType): string | undefined {
  const name = String(path.at(-1));
  const base = path.slice(0, -1);
  const sibling = nearestName(name, keysAt(schema, base));
  if (sibling !== undefined) return formatKeyPath([...base, sibling]);
  const keys = listConfigKeys(schema).map(({ key }) => key);
  // `*` is a name that the operator chooses.
  const names = keys.map(lastNameOf).filter((known) => known !== '*');
  const meant = nearestName(name, names);
  const elsewhere = keys.filter((key) => lastNameOf(key) === meant);
  return elsewhere.length === 1 ? elsewhere[0] : undefined;
}

function unknownKey(path: KeyPath, schema: z.ZodType): Problem {
  const nearest = nearestKey(path, schema);
  const hint = nearest === undefined ? '' : `, did you mean ${nearest}?`;
  return { path, message: `unknown key ${formatKeyPath(path)}${hint}` };
}

function expectation(issue: z.core.$ZodIssue, path: KeyPath, schema: z.ZodType): string {
  const at = schemaAt(schema, path);
  switch (issue.code) {
    case 'invalid_union':
      if (formatsOf(issue).length > 0) return issue.message;
      return `must be ${at === undefined ? 'another value' : typePhrase(at)}`;
    case 'invalid_type':
    case 'invalid_value':
      return `must be ${at === undefined ? 'another value' : typePhrase(at)}`;
    case 'too_small':
      if (isSize(issue) && issue.minimum === 1) return 'must not be empty';
      return `${isSize(issue) ? 'must have' : 'must be'} ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${sizeUnit(issue.origin)}`;
    case 'too_big':
      return `${isSize(issue) ? 'must have' : 'must be'} ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${sizeUnit(issue.origin)}`;
    case 'invalid_format':
      return issue.message;
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'not_multiple_of':
    case 'unrecognized_keys':
    default:
      return `is invalid: ${issue.message}`;
  }
}

const SIZE_UNITS: ReadonlyMap<string, string> = new Map([
  ['string', ' characters'],
  ['array', ' entries'],
]);
const sizeUnit = (origin: string): string => SIZE_UNITS.get(origin) ?? '';
const isSize = ({ origin }: { readonly origin: string }): boolean => SIZE_UNITS.has(origin);

/** The issues within the alternative of a union that the table was meant to be; undefined if that is ambiguous. */
function innerIssues(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] | undefined {
  if (issue.code !== 'invalid_union') return undefined;
  const deeper = issue.errors.filter((errors) =>
    errors.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  return deeper.length === 1 ? deeper[0] : undefined;
}

const FORMATS: ReadonlyMap<string, string> = new Map([
  ['url', 'a URL'],
  ['ipv4', 'an IPv4 address'],
  ['ipv6', 'an IPv6 address'],
  ['cidrv4', 'an IPv4 block'],
  ['cidrv6', 'an IPv6 block'],
]);

const inWords = (format: string): string => FORMATS.get(format) ?? `a valid ${format}`;

/** The formats that a union accepts, if the value is a text of none of them. */
function formatsOf({ errors }: Pick<z.core.$ZodIssueInvalidUnion, 'errors'>): readonly string[] {
  return errors
    .flat()
    .flatMap((error) =>
      error.code === 'invalid_format' && error.path.length === 0 ? [error.format] : [],
    );
}

/** What a text must be, for schemas without a message of their own. */
export const describeFormat: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_union') {
    const formats = formatsOf(issue);
    return formats.length === 0 ? undefined : `must be ${formats.map(inWords).join(' or ')}`;
  }
  if (issue.code !== 'invalid_format') return undefined;
  if (issue.format === 'starts_with') return `must start with "${String(issue['prefix'])}"`;
  if (issue.format === 'regex') return `must match ${String(issue['pattern'])}`;
  return `must be ${inWords(issue.format)}`;
};

const UNUSABLE_KEY = '__proto__';

/** The keys that a parsed configuration cannot hold: the schema library drops them without an error. */
export function findUnusableKeys(value: unknown, path: KeyPath = []): Problem[] {
  const entries = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(isTree(value) ? value : {});
  return entries.flatMap(([part, child]) => {
    const at = [...path, part];
    if (part !== UNUSABLE_KEY) return findUnusableKeys(child, at);
    return [{ path: at, message: `${formatKeyPath(at)}: the name "${part}" is not allowed here` }];
  });
}

/**
 * The problem for the operator: dotted key, expected value, given value.
 *
 * The message of a format check completes a sentence that begins with the key: `must be an http:// or https:// URL`.
 */
export function describeIssue(issue: z.core.$ZodIssue, schema: z.ZodType): Problem[] {
  const path = toKeyPath(issue.path);
  const inner = innerIssues(issue);
  if (inner !== undefined) {
    return inner.flatMap((below) =>
      describeIssue({ ...below, path: [...issue.path, ...below.path] }, schema),
    );
  }
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey([...path, key], schema));
  const key = formatKeyPath(path);
  if (issue.code === 'invalid_type' && issue.input === undefined)
    return [{ path, message: `${key} is missing` }];
  // The message of a custom check is complete and includes the value.
  if (issue.code === 'custom') return [{ path, message: `${key}: ${issue.message}` }];
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => ({
      path,
      message: `${key}: the name ${expectation(inner, path, schema)}`,
    }));
  }
  const value =
    issue.input === undefined || issue.input === '' ? '' : `, not ${showValue(issue.input)}`;
  const at = issue.code === 'invalid_type' ? schemaAt(schema, path) : undefined;
  const header = at === undefined ? undefined : headerHint(at, issue.input, path);
  if (header !== undefined)
    return [{ path, message: `${key} ${expectation(issue, path, schema)}: write ${header}` }];
  const hint = at === undefined ? '' : listHint(at, issue.input);
  return [{ path, message: `${key} ${expectation(issue, path, schema)}${value}${hint}` }];
}
