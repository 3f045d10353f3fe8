/** Flattens JSON Schema: follows references, merges `allOf`, expands alternatives. */
import { isJsonObject } from '@cortex/protocol';
import { isNever, mergeAll, normalised } from './merge-keywords.ts';
import { asSchema, type FlatSchema, isOfType, type Schema, unsupported } from './schema.ts';
import { isAnnotation, KNOWN } from './schema-vocabulary.ts';
import { SchemaIds } from './schema-ids.ts';
import { type Spend, unlimited, WorkBudget } from './work-budget.ts';

/** The most alternatives of one subschema (products of several anyOf). */
const MAX_ALTERNATIVES = 256;

/** The most schemas merged into one subschema: references within `allOf` can double at each level. */
const MAX_PARTS = 4096;

/** The same for all subschemas together. */
const MAX_ALL_PARTS = 50_000;

/** The longest chain of schemas without a property or item in between. The reader recurses per link. */
const MAX_NESTED = 256;

/** The most merged properties and items. Each one adds more than 25 characters to the grammar. */
const MAX_MERGED = 100_000;

/** One way to satisfy a schema. */
export interface Option {
  readonly schema: FlatSchema;
  /** What must not hold: the options of the other branches of each enclosing `oneOf`. */
  readonly rivals: readonly (() => readonly FlatSchema[])[];
}

interface Way {
  readonly parts: readonly FlatSchema[];
  readonly rivals: Option['rivals'];
}

interface Context {
  /** The targets of the references being followed, to detect a reference that refers to itself. */
  readonly trail: readonly Schema[];
  readonly depth: number;
  /** Schemas read so far for one subschema. */
  readonly parts: WorkBudget;
}

/** One schema document, which references point into, with cached results for its parts. */
export class SchemaDocument {
  readonly root: Schema;
  readonly ids = new SchemaIds(isAnnotation);
  readonly #merging: WorkBudget;
  readonly #reading: WorkBudget;
  readonly #options = new Map<number, readonly Option[]>();
  readonly #targets = new Map<string, Schema>();

  /** @param spend - Called with the work on this document, so that several documents share one limit. */
  constructor(root: Schema, spend: Spend) {
    this.root = root;
    this.#merging = new WorkBudget(
      [MAX_MERGED, spend],
      'anyOf',
      `and "allOf" combine more than ${MAX_MERGED} properties and items; declare each one once`,
    );
    this.#reading = new WorkBudget(
      [MAX_ALL_PARTS, spend],
      'allOf',
      `and references combine more than ${MAX_ALL_PARTS} schemas`,
    );
  }

  /** The alternatives of `schema`. @throws CortexError naming the keyword that cannot be enforced. */
  options(schema: Schema): readonly Option[] {
    const id = this.ids.of(schema);
    let options = this.#options.get(id);
    if (options === undefined) {
      const parts = new WorkBudget(
        [MAX_PARTS, unlimited],
        'allOf',
        `and references combine more than ${MAX_PARTS} schemas`,
      );
      options = this.#merged(this.#spread(schema, { trail: [], depth: 0, parts }));
      this.#options.set(id, options);
    }
    return options;
  }

  /** The same without the negative constraints. */
  flat(schema: Schema): readonly FlatSchema[] {
    return this.options(schema).map((option) => option.schema);
  }

  #merged(ways: readonly Way[]): Option[] {
    return ways
      .map((way) => ({ schema: this.#merge(way), rivals: way.rivals }))
      .filter((option) => !isNever(option.schema));
  }

  #spread(schema: Schema, context: Context): Way[] {
    context.parts.spend(1);
    this.#reading.spend(1);
    if (context.depth > MAX_NESTED)
      throw unsupported('$ref', `and "allOf" form a chain of more than ${MAX_NESTED} links`);
    const within = { ...context, depth: context.depth + 1 };
    const { $ref, allOf, anyOf, oneOf, unevaluatedProperties } = schema;
    const own = ownKeywords(schema);
    let ways: Way[] = [{ parts: Object.keys(own).length === 0 ? [] : [own], rivals: [] }];
    const join = (others: readonly Way[]): void => {
      if (ways.length * others.length > MAX_ALTERNATIVES) throw tooManyAlternatives('anyOf');
      ways = ways.flatMap((a) => others.map((b) => joined(a, b)));
    };
    if ($ref !== undefined) join(this.#follow($ref, within));
    for (const part of list(allOf, 'allOf')) join(this.#spread(asSchema(part, 'allOf'), within));
    if (anyOf !== undefined) {
      const branches = branchesOf(anyOf, 'anyOf');
      join(mergeListed(branches.flatMap((part) => this.#spread(asSchema(part, 'anyOf'), within))));
    }
    if (oneOf !== undefined) join(this.#exclusive(branchesOf(oneOf, 'oneOf'), within));
    return unevaluatedProperties === undefined
      ? ways
      : ways.map((way) => this.#closed(way, unevaluatedProperties));
  }

  #exclusive(branches: readonly unknown[], context: Context): Way[] {
    const spread = branches.map((part) => this.#spread(asSchema(part, 'oneOf'), context));
    const options = spread.map((ways) => once(() => ways.map((way) => this.#merge(way))));
    return spread.flatMap((ways, i) => {
      const others = options.filter((_, k) => k !== i);
      return ways.map((way) => ({ ...way, rivals: [...way.rivals, ...others] }));
    });
  }

  #merge(way: Way): FlatSchema {
    return mergeAll(way.parts, this.#merging);
  }

  /** `unevaluatedProperties` applies to its own schema and its subschemas, and not to schemas merged later. */
  #closed(way: Way, unevaluated: unknown): Way {
    const schema = this.#merge(way);
    if (unevaluated === true || schema['additionalProperties'] !== undefined) return way;
    return { ...way, parts: [{ ...schema, additionalProperties: unevaluated }] };
  }

  #follow(ref: unknown, context: Context): Way[] {
    const target = this.target(ref);
    if (context.trail.includes(target))
      throw unsupported(
        '$ref',
        `"${String(ref)}" refers to itself without a property or item in between`,
      );
    return this.#spread(target, { ...context, trail: [...context.trail, target] });
  }

  /** The schema that a reference points to. */
  target(ref: unknown): Schema {
    if (typeof ref !== 'string' || !/^#(?:\/|$)/.test(ref))
      throw unsupported('$ref', 'must point inside the schema (#/…)');
    let target = this.#targets.get(ref);
    if (target === undefined) {
      target = lookUp(ref, this.root);
      this.#targets.set(ref, target);
    }
    return target;
  }
}

/** Expands `schema` into its alternatives. @throws CortexError naming the keyword that cannot be enforced. */
export const flatten = (
  schema: Schema,
  root: Schema,
): { readonly options: readonly FlatSchema[] } => ({
  options: new SchemaDocument(root, unlimited).flat(schema),
});

/** Keywords that combine or refer to schemas and do not constrain the value themselves. */
const APPLICATORS = new Set(['$ref', 'allOf', 'anyOf', 'oneOf', 'unevaluatedProperties']);

const known = new WeakMap<Schema, FlatSchema>();

/** The direct constraints of `schema` in canonical form. @throws CortexError naming an unknown keyword. */
export function ownKeywords(schema: Schema): FlatSchema {
  let own = known.get(schema);
  if (own === undefined) {
    const kept: [string, unknown][] = [];
    for (const [keyword, value] of Object.entries(schema)) {
      if (KNOWN.has(keyword)) kept.push([keyword, value]);
      else if (!isAnnotation(keyword) && !APPLICATORS.has(keyword))
        throw unsupported(keyword, 'is not supported');
    }
    own = normalised(Object.fromEntries(kept));
    known.set(schema, own);
  }
  return own;
}

/**
 * Merges alternatives that only list values into one list, because an `enum` is often written as `anyOf` of constants.
 */
function mergeListed(ways: readonly Way[]): readonly Way[] {
  const values: unknown[] = [];
  const others = ways.filter(({ parts: [only, ...more], rivals }) => {
    const listed = more.length === 0 && rivals.length === 0 ? valuesOf(only) : undefined;
    if (listed !== undefined) values.push(...listed);
    return listed === undefined;
  });
  return values.length === 0 ? ways : [{ parts: [{ enum: values }], rivals: [] }, ...others];
}

/** The values of a schema that has only listed values and their type. */
function valuesOf(schema: FlatSchema = {}): readonly unknown[] | undefined {
  const { enum: values, type, ...rest } = schema;
  if (!Array.isArray(values) || Object.keys(rest).length > 0) return undefined;
  return type === undefined ? values : values.filter((value) => isOfType(value, type));
}

const joined = (a: Way, b: Way): Way => ({
  parts: [...a.parts, ...b.parts],
  rivals: a.rivals.length === 0 ? b.rivals : [...a.rivals, ...b.rivals],
});

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function lookUp(ref: string, root: Schema): Schema {
  let at: unknown = root;
  for (const part of ref.slice(1).split('/').slice(1)) {
    const key = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
    at = Array.isArray(at)
      ? at[Number(key)]
      : isJsonObject(at) && Object.hasOwn(at, key)
        ? at[key]
        : undefined;
  }
  if (at === undefined) throw unsupported('$ref', `"${ref}" does not exist in the schema`);
  return asSchema(at, '$ref');
}

/** Decodes the percent escapes of a part of a reference; returns a part with invalid escapes unchanged. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The branches of `anyOf` or `oneOf`. Checks their number before reading them. */
function branchesOf(value: unknown, keyword: string): readonly unknown[] {
  const all = list(value, keyword);
  if (all.length > MAX_ALTERNATIVES) throw tooManyAlternatives(keyword);
  return all;
}

const tooManyAlternatives = (keyword: string): Error =>
  unsupported(keyword, `expands to more than ${MAX_ALTERNATIVES} alternatives`);

function list(value: unknown, keyword: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length > 0) return value;
  throw unsupported(keyword, 'must be a non-empty list');
}
