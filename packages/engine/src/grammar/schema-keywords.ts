/** Keywords of one flat schema, read with their types checked. Pure. */
import type { NumberBounds } from './number-rules.ts';
import { type FlatSchema, unsupported } from './schema.ts';
import { formatIntegers, formatPattern } from './string-formats.ts';
import type { StringBounds } from './string-rules.ts';

const KEYWORD_TYPES: Readonly<Record<string, string>> = {
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
  minProperties: 'object',
  maxProperties: 'object',
  propertyNames: 'object',
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

/** The types to write: those in `type`, else the type that the other keywords imply, else all. */
export function typesOf(schema: FlatSchema): readonly string[] {
  const named = schema['type'];
  if (named !== undefined) {
    const types = [named].flat().map(String);
    return types.includes('number') ? types.filter((type) => type !== 'integer') : types;
  }
  const implied = new Set(Object.keys(schema).flatMap((keyword) => impliedBy(keyword, schema)));
  if (implied.size > 0) return [...implied];
  return ['object', 'array', 'string', 'number', 'boolean', 'null'];
}

function impliedBy(keyword: string, schema: FlatSchema): readonly string[] {
  if (keyword !== 'format')
    return Object.hasOwn(KEYWORD_TYPES, keyword) ? [KEYWORD_TYPES[keyword] ?? []].flat() : [];
  return formatIntegers(text(schema, 'format')) === undefined ? ['string'] : ['number'];
}

/** The constraints of a string. */
export function stringBounds(schema: FlatSchema): StringBounds {
  const format = text(schema, 'format');
  return {
    ...optional('minLength', count(schema, 'minLength')),
    ...optional('maxLength', count(schema, 'maxLength')),
    ...(schema['pattern'] === undefined ? {} : { patterns: patternsOf(schema) }),
    ...(formatPattern(format) !== undefined && format !== undefined ? { format } : {}),
  };
}

/** All patterns, if several schemas are merged. */
export function patternsOf(schema: FlatSchema): readonly string[] {
  const patterns = schema['pattern'] === undefined ? [] : [schema['pattern']].flat();
  if (patterns.every((pattern) => typeof pattern === 'string')) return patterns;
  throw unsupported('pattern', 'must be a string');
}

/** The list value of a keyword; empty when absent. */
export function listOf(schema: FlatSchema, keyword: string): readonly unknown[] {
  const value = schema[keyword];
  return Array.isArray(value) ? value : [];
}

/** The constraints of a number, without `multipleOf`. */
export function numberBounds(schema: FlatSchema): NumberBounds {
  const format = formatIntegers(text(schema, 'format'));
  const min = Math.max(...given(bound(schema, 'minimum'), format?.min));
  const max = Math.min(...given(bound(schema, 'maximum'), format?.max));
  return {
    ...optional('min', Number.isFinite(min) ? min : undefined),
    ...optional('max', Number.isFinite(max) ? max : undefined),
    ...optional('exclusiveMin', bound(schema, 'exclusiveMinimum')),
    ...optional('exclusiveMax', bound(schema, 'exclusiveMaximum')),
  };
}

const given = (...values: readonly (number | undefined)[]): number[] =>
  values.filter((value) => value !== undefined);

/** The numeric value of a keyword. @throws CortexError if it is not a number. */
export function number(schema: FlatSchema, keyword: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw unsupported(keyword, 'must be a number');
  return value;
}

/** The largest magnitude of numbers that are written digit by digit. Bounds beyond it have no effect. */
const LARGEST = 1e15;

const isLower = (keyword: string): boolean => /^(?:exclusiveM|m)inimum$/.test(keyword);

function bound(schema: FlatSchema, keyword: string): number | undefined {
  const value = number(schema, keyword);
  if (value === undefined || Math.abs(value) <= LARGEST || Number.isSafeInteger(value))
    return value;
  if (isLower(keyword) === value < 0) return Math.sign(value) * LARGEST;
  throw unsupported(keyword, 'is beyond ±10^15');
}

export function count(schema: FlatSchema, keyword: string): number | undefined {
  const value = number(schema, keyword);
  if (value !== undefined && (!Number.isSafeInteger(value) || value < 0))
    throw unsupported(keyword, 'must be a whole number of at least 0');
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
