/** Whether two alternatives of a `oneOf` can both hold for a text that the grammar of the first writes. Pure. */
import { asSchema, type FlatSchema, flatten, isObject, type Schema } from './schema-merge.ts';

const ALL_TYPES = ['object', 'array', 'string', 'number', 'boolean', 'null'] as const;

/** How deep properties are compared: discriminators stand near the top. */
const MAX_DEPTH = 4;

export interface DisjointQuestion {
  readonly written: FlatSchema;
  readonly other: FlatSchema;
  readonly root: Schema;
}

/** True when no text written for `written` is valid for `other`; false when that is not certain. */
export function isDisjoint({ written, other, root }: DisjointQuestion, depth = 0): boolean {
  if (depth > MAX_DEPTH) return false;
  const values = written['enum'];
  if (Array.isArray(values)) return values.every((value) => !mayHold(value, other));
  const otherValues = other['enum'];
  if (Array.isArray(otherValues)) return otherValues.every((value) => !mayHold(value, written));
  const types = typesOf(written).filter((type) => typesOf(other).includes(type));
  if (types.length === 0) return true;
  if (types.some((type) => type !== 'object')) return false;
  return objectsDiffer({ written, other, root }, depth);
}

function objectsDiffer({ written, other, root }: DisjointQuestion, depth: number): boolean {
  const mine = asSchema(written['properties'], 'properties');
  const theirs = asSchema(other['properties'], 'properties');
  const myRequired = strings(written['required']);
  const writesExtras =
    isObject(written['additionalProperties']) ||
    written['additionalProperties'] === true ||
    Object.keys(mine).length === 0;
  if (!writesExtras && strings(other['required']).some((key) => !Object.hasOwn(mine, key)))
    return true;
  if (
    other['additionalProperties'] === false &&
    myRequired.some((key) => !Object.hasOwn(theirs, key))
  )
    return true;
  return myRequired.some((key) => {
    if (!Object.hasOwn(mine, key) || !Object.hasOwn(theirs, key)) return false;
    const left = flatten(asSchema(mine[key], 'properties'), root).options;
    const right = flatten(asSchema(theirs[key], 'properties'), root).options;
    return left.every((a) =>
      right.every((b) => isDisjoint({ written: a, other: b, root }, depth + 1)),
    );
  });
}

const strings = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

/** JSON types a schema allows, `integer` counted as `number`. */
function typesOf(schema: FlatSchema): readonly string[] {
  const type = schema['type'];
  if (type === undefined) return ALL_TYPES;
  return [type]
    .flat()
    .map((name) => (name === 'integer' ? 'number' : typeof name === 'string' ? name : ''));
}

/** False only when `value` is certainly not valid. */
function mayHold(value: unknown, schema: FlatSchema): boolean {
  const values = schema['enum'];
  if (Array.isArray(values))
    return values.some((one) => JSON.stringify(one) === JSON.stringify(value));
  return typesOf(schema).includes(jsonType(value));
}

export function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}
