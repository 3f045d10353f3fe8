/** The types of JSON schemas in the converter, and the error for one that cannot be enforced. Pure. */
import { CortexError, type JsonObject, isJsonObject } from '@cortex/protocol';

export type Schema = JsonObject;

/** One schema without `$ref`, `allOf`, `anyOf` and `oneOf`: only keywords that constrain the value itself. */
export type FlatSchema = Schema;

export function unsupported(keyword: string, why: string): CortexError {
  return new CortexError(
    'invalid_request',
    `The JSON schema cannot be enforced: "${keyword}" ${why}.`,
    { param: 'response_format' },
  );
}

const NEVER: Schema = { enum: [] };

const ANYTHING: Schema = {};

/** Expands the schemas `true` and `false`. */
export function asSchema(value: unknown, keyword: string): Schema {
  if (value === undefined || value === true) return ANYTHING;
  if (value === false) return NEVER;
  if (isJsonObject(value)) return value;
  throw unsupported(keyword, 'must contain a schema');
}

/** The JSON type of a value; an integer is a `number`. */
export function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** Whether a value has one of the types in the keyword `type`. */
export const isOfType = (value: unknown, type: unknown): boolean =>
  [type]
    .flat()
    .some((name) => name === jsonType(value) || (name === 'integer' && Number.isInteger(value)));

/** A key that is the same for values that are equal in JSON Schema, regardless of the order of members. */
export function valueKey(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueKey).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? 'undefined';
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${valueKey(value[key])}`).join(',')}}`;
}

const keysOfLists = new WeakMap<readonly unknown[], ReadonlySet<string>>();

/** The keys of listed values, computed once per list because lists are compared often. */
export function valueKeys(values: readonly unknown[]): ReadonlySet<string> {
  let keys = keysOfLists.get(values);
  if (keys === undefined) {
    keys = new Set(values.map(valueKey));
    keysOfLists.set(values, keys);
  }
  return keys;
}
