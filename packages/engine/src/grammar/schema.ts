/** What a JSON schema is to the converter, and how one that cannot be held is refused. Pure. */
import { CortexError, type JsonObject, isJsonObject } from '@cortex/protocol';

export type Schema = JsonObject;

/** One schema without `$ref`, `allOf`, `anyOf` and `oneOf`: only keywords that speak of the value itself. */
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

/** `true` and `false` as the schemas that they abbreviate. */
export function asSchema(value: unknown, keyword: string): Schema {
  if (value === undefined || value === true) return ANYTHING;
  if (value === false) return NEVER;
  if (isJsonObject(value)) return value;
  throw unsupported(keyword, 'must contain a schema');
}

/** JSON types a value has, `integer` counted as `number`. */
export function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** Whether a value is of a type, or of one of several, as the keyword `type` names them. */
export const isOfType = (value: unknown, type: unknown): boolean =>
  [type]
    .flat()
    .some((name) => name === jsonType(value) || (name === 'integer' && Number.isInteger(value)));

/** The same text for values that JSON Schema calls equal: the order of members says nothing. */
export function valueKey(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueKey).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? 'undefined';
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${valueKey(value[key])}`).join(',')}}`;
}

const keysOfLists = new WeakMap<readonly unknown[], ReadonlySet<string>>();

/** The keys of listed values, computed once a list: lists are compared with many others. */
export function valueKeys(values: readonly unknown[]): ReadonlySet<string> {
  let keys = keysOfLists.get(values);
  if (keys === undefined) {
    keys = new Set(values.map(valueKey));
    keysOfLists.set(values, keys);
  }
  return keys;
}
