/** Merges several flat schemas that must all hold into one. Pure. */
import { isJsonObject } from '@cortex/protocol';
import { commonMultiple } from './decimal.ts';
import {
  asSchema,
  type FlatSchema,
  type Schema,
  unsupported,
  valueKey,
  valueKeys,
} from './schema.ts';
import { isEnforcedFormat } from './string-formats.ts';
import type { WorkBudget } from './work-budget.ts';

/** Keywords whose meaning depends on other keywords of the same schema. */
const CONTEXT_DEPENDENT = new Set([
  'properties',
  'additionalProperties',
  'propertyNames',
  'prefixItems',
  'items',
]);

/**
 * The schema that all of `parts` form together, merged in one pass.
 *
 * @param work - Charged for each merged property and item.
 * @throws CortexError if one schema cannot express them.
 */
export function mergeAll(parts: readonly FlatSchema[], work: WorkBudget): FlatSchema {
  const [only] = parts;
  if (only === undefined) return {};
  if (parts.length === 1) return only;
  const gathered = new Map<string, unknown[]>();
  for (const part of parts) {
    for (const [keyword, value] of Object.entries(part)) {
      if (CONTEXT_DEPENDENT.has(keyword)) continue;
      const values = gathered.get(keyword);
      if (values === undefined) gathered.set(keyword, [value]);
      else values.push(value);
    }
  }
  const out: Record<string, unknown> = {};
  for (const [keyword, values] of gathered) {
    const distinct = [...new Set(values)];
    out[keyword] = distinct.length === 1 ? distinct[0] : mergeKeyword(keyword, distinct);
  }
  return { ...out, ...mergeObjects(parts, work), ...mergeArrays(parts, work) };
}

function mergeKeyword(keyword: string, values: readonly unknown[]): unknown {
  switch (keyword) {
    case 'type':
      return values.map((type): readonly unknown[] => [type].flat()).reduce(mergeTypes);
    case 'enum':
      return values.map(asList).reduce(intersect);
    case 'required':
      return [...new Set(values.flatMap(asList))];
    case 'pattern':
      return values.flat();
    case 'format':
      return oneFormat(values);
    case 'minimum':
    case 'exclusiveMinimum':
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return Math.max(...values.map(Number));
    case 'maximum':
    case 'exclusiveMaximum':
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return Math.min(...values.map(Number));
    case 'multipleOf':
      return values.reduce(commonMultiple);
    case 'uniqueItems':
      return values.includes(true);
    default:
      throw unsupported(
        keyword,
        'is in several schemas that must all hold, which is not supported',
      );
  }
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function intersect(a: readonly unknown[], b: readonly unknown[]): readonly unknown[] {
  const keys = valueKeys(b);
  return a.filter((value) => keys.has(valueKey(value)));
}

function mergeTypes(a: readonly unknown[], b: readonly unknown[]): readonly unknown[] {
  const both = a.filter((type) => b.includes(type));
  const hasInteger =
    (a.includes('integer') && b.includes('number')) ||
    (b.includes('integer') && a.includes('number'));
  return hasInteger && !both.includes('number') && !both.includes('integer')
    ? [...both, 'integer']
    : both;
}

function oneFormat(values: readonly unknown[]): unknown {
  const enforced = values.filter((value) => typeof value !== 'string' || isEnforcedFormat(value));
  if (enforced.length <= 1) return enforced[0] ?? values[0];
  throw unsupported('format', 'has several values that must all hold; keep one of them');
}

/** The conjunction of `schemas`; absent and `true` add nothing. */
function allOf(schemas: readonly unknown[], keyword: string): unknown {
  if (schemas.includes(false)) return false;
  const bounding = [
    ...new Set(schemas.filter((schema) => schema !== undefined && schema !== true)),
  ];
  if (bounding.length === 0) return schemas.includes(true) ? true : undefined;
  if (bounding.length === 1) return bounding[0];
  return { allOf: bounding.map((schema) => asSchema(schema, keyword)) };
}

const withValue = (keyword: string, value: unknown): Schema =>
  value === undefined ? {} : { [keyword]: value };

function mergeObjects(parts: readonly FlatSchema[], work: WorkBudget): Schema {
  const additional = parts.map((part) => part['additionalProperties']);
  const names = parts.map((part) => part['propertyNames']);
  return {
    ...mergeProperties(parts, work),
    ...withValue('additionalProperties', allOf(additional, 'additionalProperties')),
    ...withValue('propertyNames', allOf(names, 'propertyNames')),
  };
}

/** All properties. A property that a part does not declare also gets that part's `additionalProperties`. */
function mergeProperties(parts: readonly FlatSchema[], work: WorkBudget): Schema {
  const naming = parts.filter((part) => part['properties'] !== undefined);
  const [first] = naming;
  if (first === undefined) return {};
  const closing = parts.filter((part) => bounds(part['additionalProperties']));
  if (naming.length === 1 && closing.every((part) => part === first))
    return { properties: first['properties'] };
  const schemas = new Map<string, unknown[]>();
  for (const part of naming) {
    const properties = asSchema(part['properties'], 'properties');
    for (const [key, schema] of Object.entries(properties)) {
      work.spend(1);
      const others = schemas.get(key);
      if (others === undefined) schemas.set(key, [schema]);
      else others.push(schema);
    }
  }
  for (const part of closing) {
    const own = asSchema(part['properties'], 'properties');
    work.spend(schemas.size);
    for (const [key, others] of schemas)
      if (!Object.hasOwn(own, key)) others.push(part['additionalProperties']);
  }
  const merged = Array.from(
    schemas,
    ([key, all]) => [key, allOf(all, 'properties') ?? true] as const,
  );
  // Not by assignment: a property may be called "__proto__".
  return { properties: Object.fromEntries(merged) };
}

const bounds = (schema: unknown): boolean => schema !== undefined && schema !== true;

/** Items by position. After the end of a part's tuple its `items` apply. */
function mergeArrays(parts: readonly FlatSchema[], work: WorkBudget): Schema {
  const speaking = parts.filter(
    (part) => part['prefixItems'] !== undefined || bounds(part['items']),
  );
  const items = withValue(
    'items',
    allOf(
      parts.map((part) => part['items']),
      'items',
    ),
  );
  const tuples = speaking.map((part) => asList(part['prefixItems']));
  const length = Math.max(0, ...tuples.map((tuple) => tuple.length));
  if (length === 0) return items;
  work.spend(length * speaking.length);
  const prefixItems = Array.from({ length }, (_, i) => {
    const schemas = speaking.map((part, k) => {
      const tuple = tuples[k] ?? [];
      return i < tuple.length ? tuple[i] : part['items'];
    });
    return allOf(schemas, 'prefixItems') ?? true;
  });
  return { prefixItems, ...items };
}

/** Whether the schema obviously allows no value. */
export const isNever = (schema: FlatSchema): boolean =>
  Array.isArray(schema['enum']) && schema['enum'].length === 0;

/** The keywords of a schema in canonical form: `const`, `nullable` and the older form of tuples are rewritten. */
export function normalised(schema: Schema): FlatSchema {
  const { const: constant, nullable, not, additionalItems, ...rest } = schema;
  const out: Record<string, unknown> = { ...rest };
  if (out['enum'] !== undefined && !Array.isArray(out['enum']))
    throw unsupported('enum', 'must be a list');
  if (Object.hasOwn(schema, 'const'))
    out['enum'] =
      out['enum'] === undefined ? [constant] : intersect([constant], asList(out['enum']));
  if (nullable === true && out['type'] !== undefined)
    out['type'] = [...[out['type']].flat(), 'null'];
  if (not !== undefined) {
    if (not !== true && !(isJsonObject(not) && Object.keys(not).length === 0))
      throw unsupported('not', 'is not supported');
    out['enum'] = [];
  }
  if (Array.isArray(out['items'])) {
    out['prefixItems'] = out['items'];
    delete out['items'];
    if (additionalItems !== undefined) out['items'] = additionalItems;
  }
  return out;
}
