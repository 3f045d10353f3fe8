/** Keywords of one flat schema, read with their types checked. Pure. */
import type { NumberBounds } from './number-rules.ts';
import { jsonType } from './schema-disjoint.ts';
import { type FlatSchema, unsupported } from './schema-merge.ts';

const KEYWORD_TYPES: Readonly<Record<string, string>> = {
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
  minProperties: 'object',
  maxProperties: 'object',
  items: 'array',
  prefixItems: 'array',
  minItems: 'array',
  maxItems: 'array',
  uniqueItems: 'array',
  pattern: 'string',
  format: 'string',
  minLength: 'string',
  maxLength: 'string',
  minimum: 'number',
  maximum: 'number',
  exclusiveMinimum: 'number',
  exclusiveMaximum: 'number',
  multipleOf: 'number',
};

/** The types to write: those named, else the one the other keywords speak of, else all. */
export function typesOf(schema: FlatSchema): readonly string[] {
  const named = schema['type'];
  if (named !== undefined) {
    const types = [named].flat().map(String);
    return types.includes('number') ? types.filter((type) => type !== 'integer') : types;
  }
  const implied = new Set(Object.keys(schema).flatMap((keyword) => KEYWORD_TYPES[keyword] ?? []));
  if (implied.size > 0) return [...implied];
  return ['object', 'array', 'string', 'number', 'boolean', 'null'];
}

/** Whether a listed value also meets the other keywords that stand beside `enum`. */
export function isAllowed(value: unknown, schema: FlatSchema): boolean {
  const type = jsonType(value);
  if (schema['type'] !== undefined) {
    const isInteger = type === 'number' && Number.isInteger(value);
    if (![schema['type']].flat().some((name) => name === type || (name === 'integer' && isInteger)))
      return false;
  }
  if (typeof value === 'number') return isWithin(value, numberBounds(schema));
  if (typeof value === 'string') {
    const length = Array.from(value).length;
    const pattern = text(schema, 'pattern');
    return (
      length >= (count(schema, 'minLength') ?? 0) &&
      length <= (count(schema, 'maxLength') ?? Infinity) &&
      (pattern === undefined || new RegExp(pattern, 'u').test(value))
    );
  }
  return true;
}

const isWithin = (value: number, { min, max, exclusiveMin, exclusiveMax }: NumberBounds): boolean =>
  value >= (min ?? -Infinity) &&
  value <= (max ?? Infinity) &&
  value > (exclusiveMin ?? -Infinity) &&
  value < (exclusiveMax ?? Infinity);

export function numberBounds(schema: FlatSchema): NumberBounds {
  return {
    ...optional('min', bound(schema, 'minimum')),
    ...optional('max', bound(schema, 'maximum')),
    ...optional('exclusiveMin', bound(schema, 'exclusiveMinimum')),
    ...optional('exclusiveMax', bound(schema, 'exclusiveMaximum')),
  };
}

function bound(schema: FlatSchema, keyword: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw unsupported(keyword, 'must be a number');
  if (Math.abs(value) > 1e15 && !Number.isSafeInteger(value))
    throw unsupported(keyword, 'is beyond ±10^15');
  return value;
}

export function count(schema: FlatSchema, keyword: string): number | undefined {
  const value = bound(schema, keyword);
  if (value !== undefined && (!Number.isInteger(value) || value < 0))
    throw unsupported(keyword, 'must be a whole number from 0 on');
  return value;
}

export function text(schema: FlatSchema, keyword: string): string | undefined {
  const value = schema[keyword];
  if (value !== undefined && typeof value !== 'string')
    throw unsupported(keyword, 'must be a string');
  return value;
}

/** `{ [key]: value }`, or nothing when absent: exact optional properties stay absent. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  const out: { [P in K]?: V } = {};
  if (value !== undefined) out[key] = value;
  return out;
}
