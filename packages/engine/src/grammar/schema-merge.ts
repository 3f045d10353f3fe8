/** JSON Schema made flat: references followed, `allOf` merged, alternatives spread out. Pure. */
import { CortexError } from '@cortex/protocol';

export type Schema = { readonly [keyword: string]: unknown };

/** Alternatives one subschema may spread into (products of several anyOf). */
const MAX_ALTERNATIVES = 256;

/** Schemas that one subschema may be put together of: references to references in an `allOf` double with each step. */
const MAX_PARTS = 4096;

export const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function unsupported(keyword: string, why: string): CortexError {
  return new CortexError(
    'invalid_request',
    `The JSON schema cannot be enforced: "${keyword}" ${why}.`,
    {
      param: 'response_format',
    },
  );
}

const NEVER: Schema = { enum: [] };

/** `true` and `false` as the schemas that they abbreviate. */
export function asSchema(value: unknown, keyword: string): Schema {
  if (value === undefined || value === true) return {};
  if (value === false) return NEVER;
  if (isObject(value)) return value;
  throw unsupported(keyword, 'must hold a schema');
}

/** Keywords that never change what is valid. */
const ANNOTATIONS = new Set([
  'title',
  'description',
  'default',
  'examples',
  'example',
  '$schema',
  '$id',
  '$comment',
  '$anchor',
  '$defs',
  'definitions',
  'deprecated',
  'readOnly',
  'writeOnly',
  'strict',
  'discriminator',
  'xml',
  'externalDocs',
  'contentEncoding',
  'contentMediaType',
]);

const KNOWN = new Set([
  'type',
  'enum',
  'const',
  'nullable',
  'properties',
  'required',
  'additionalProperties',
  'minProperties',
  'maxProperties',
  'items',
  'prefixItems',
  'additionalItems',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  '$ref',
  'allOf',
  'anyOf',
  'oneOf',
  'unevaluatedProperties',
]);

/** One schema without `$ref`, `allOf`, `anyOf` and `oneOf`: only keywords that speak of the value itself. */
export type FlatSchema = Schema;

export interface Alternatives {
  readonly options: readonly FlatSchema[];
  /** Groups of options of which exactly one may hold (`oneOf`); indexes into the branches are lost, sets stay. */
  readonly exclusive: readonly (readonly FlatSchema[])[];
}

/** Spreads `schema` into its alternatives. @throws CortexError naming the keyword that cannot be held. */
export function flatten(schema: Schema, root: Schema): Alternatives {
  const exclusive: (readonly FlatSchema[])[] = [];
  const options = spread(schema, { root, exclusive, trail: [], parts: { count: 0 } });
  return { options, exclusive };
}

interface Context {
  readonly root: Schema;
  readonly exclusive: (readonly FlatSchema[])[];
  /** References being followed, so that one that leads to itself is noticed. */
  readonly trail: readonly string[];
  /** Schemas read so far. */
  readonly parts: { count: number };
}

function spread(schema: Schema, context: Context): FlatSchema[] {
  if (++context.parts.count > MAX_PARTS)
    throw unsupported('allOf', `and references put more than ${MAX_PARTS} schemas together`);
  for (const keyword of Object.keys(schema)) {
    if (KNOWN.has(keyword) || ANNOTATIONS.has(keyword) || keyword.startsWith('x-')) continue;
    throw unsupported(keyword, 'is not supported');
  }
  const { $ref, allOf, anyOf, oneOf, ...own } = schema;
  let options: FlatSchema[] = [withoutAnnotations(own)];
  const join = (others: readonly FlatSchema[]): void => {
    if (options.length * others.length > MAX_ALTERNATIVES) throw tooManyAlternatives('anyOf');
    options = options.flatMap((a) => others.map((b) => merge(a, b)));
  };
  if ($ref !== undefined) join(follow($ref, context));
  for (const part of list(allOf, 'allOf')) join(spread(asSchema(part, 'allOf'), context));
  if (anyOf !== undefined)
    join(branchesOf(anyOf, 'anyOf').flatMap((part) => spread(asSchema(part, 'anyOf'), context)));
  if (oneOf !== undefined) {
    const base = options;
    const spreads = branchesOf(oneOf, 'oneOf').map((part) =>
      spread(asSchema(part, 'oneOf'), context),
    );
    join(spreads.flat());
    context.exclusive.push(...exclusiveGroups(base, spreads));
  }
  return options;
}

function exclusiveGroups(
  base: readonly FlatSchema[],
  branches: readonly (readonly FlatSchema[])[],
): FlatSchema[][] {
  const merged = branches.map((branch) => base.flatMap((a) => branch.map((b) => merge(a, b))));
  const pairs: FlatSchema[][] = [];
  for (const [i, left] of merged.entries()) {
    for (const right of merged.slice(i + 1)) {
      for (const a of left) for (const b of right) pairs.push([a, b]);
    }
  }
  return pairs;
}

function follow(ref: unknown, context: Context): FlatSchema[] {
  if (typeof ref !== 'string' || !/^#(?:\/|$)/.test(ref))
    throw unsupported('$ref', 'may only point inside the schema (#/…)');
  if (context.trail.includes(ref))
    throw unsupported('$ref', `"${ref}" leads to itself without a value in between`);
  return spread(lookUp(ref, context.root), { ...context, trail: [...context.trail, ref] });
}

function lookUp(ref: string, root: Schema): Schema {
  let at: unknown = root;
  for (const part of ref.slice(1).split('/').slice(1)) {
    const key = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
    at = Array.isArray(at)
      ? at[Number(key)]
      : isObject(at) && Object.hasOwn(at, key)
        ? at[key]
        : undefined;
  }
  if (at === undefined) throw unsupported('$ref', `"${ref}" points to nothing`);
  return asSchema(at, '$ref');
}

/** A part of a reference without its percent escapes; one that has no proper escapes is what it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The branches of `anyOf` or `oneOf`, counted before any of them is looked at. */
function branchesOf(value: unknown, keyword: string): readonly unknown[] {
  const all = list(value, keyword);
  if (all.length > MAX_ALTERNATIVES) throw tooManyAlternatives(keyword);
  return all;
}

const tooManyAlternatives = (keyword: string): CortexError =>
  unsupported(keyword, `spreads into more than ${MAX_ALTERNATIVES} alternatives`);

function list(value: unknown, keyword: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length > 0) return value;
  throw unsupported(keyword, 'must be a list that is not empty');
}

function withoutAnnotations(schema: Schema): Schema {
  const { const: constant, nullable, ...rest } = schema;
  const kept = Object.fromEntries(Object.entries(rest).filter(([keyword]) => KNOWN.has(keyword)));
  if (Object.hasOwn(schema, 'const')) kept['enum'] = intersectLists([constant], kept['enum']);
  if (nullable === true && kept['type'] !== undefined)
    kept['type'] = [...[kept['type']].flat(), 'null'];
  return kept;
}

const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function intersectLists(a: readonly unknown[], b: unknown): readonly unknown[] {
  if (!Array.isArray(b)) return a;
  const texts = new Set(b.map((value) => JSON.stringify(value)));
  return a.filter((value) => texts.has(JSON.stringify(value)));
}

/** What satisfies both. @throws CortexError where the two cannot be said in one schema. */
function merge(a: Schema, b: Schema): Schema {
  const out: Record<string, unknown> = { ...a };
  for (const [keyword, value] of Object.entries(b)) {
    const present = out[keyword];
    if (present === undefined) out[keyword] = value;
    else if (!sameJson(present, value)) out[keyword] = mergeKeyword(keyword, present, value);
  }
  if (
    a['properties'] !== undefined ||
    b['properties'] !== undefined ||
    a['additionalProperties'] !== undefined
  ) {
    out['properties'] = mergeProperties(a, b);
  }
  return out;
}

function mergeKeyword(keyword: string, a: unknown, b: unknown): unknown {
  switch (keyword) {
    case 'type':
      return mergeTypes([a].flat(), [b].flat());
    case 'enum':
      return intersectLists(Array.isArray(a) ? a : [], b);
    case 'required':
      return [...new Set([...(Array.isArray(a) ? a : []), ...(Array.isArray(b) ? b : [])])];
    case 'minimum':
    case 'exclusiveMinimum':
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return Math.max(Number(a), Number(b));
    case 'maximum':
    case 'exclusiveMaximum':
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return Math.min(Number(a), Number(b));
    case 'properties':
      return a;
    case 'items':
    case 'additionalProperties':
      return { allOf: [asSchema(a, keyword), asSchema(b, keyword)] };
    case 'uniqueItems':
      return a === true || b === true;
    default:
      throw unsupported(keyword, 'stands in several schemas that must all hold');
  }
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

/** Properties of both; one that a side forbids or constrains by its `additionalProperties` carries that too. */
function mergeProperties(a: Schema, b: Schema): Schema {
  const left = asSchema(a['properties'], 'properties');
  const right = asSchema(b['properties'], 'properties');
  const out = new Map<string, unknown>();
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const parts = [
      Object.hasOwn(left, key) ? left[key] : a['additionalProperties'],
      Object.hasOwn(right, key) ? right[key] : b['additionalProperties'],
    ];
    const given = parts.filter((part) => part !== undefined && part !== true);
    const both = { allOf: given.map((part) => asSchema(part, 'properties')) };
    out.set(key, given.length === 0 ? true : given.length === 1 ? given[0] : both);
  }
  // Not by assignment: a property may be called "__proto__".
  return Object.fromEntries(out);
}
