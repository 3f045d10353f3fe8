/** Checks whether a listed value satisfies the other keywords of its schema. */
import { isJsonObject } from '@cortex/protocol';
import { decimalsOf, scale, stepOf } from './decimal.ts';
import { matches, patternLanguage } from './pattern-language.ts';
import { unicodeSetsIn, UnsupportedPattern } from './pattern-syntax.ts';
import { type Language, Languages } from './regular-language.ts';
import { asSchema, isOfType, type Schema, unsupported, valueKey, valueKeys } from './schema.ts';
import { count, listOf, number, patternsOf, text } from './schema-keywords.ts';
import { ownKeywords, type SchemaDocument } from './schema-merge.ts';
import { formatIntegers, formatPattern } from './string-formats.ts';
import type { WorkBudget } from './work-budget.ts';

/** `unknown`: for a format, only a subset of its valid texts is known. */
export type Verdict = 'yes' | 'no' | 'unknown';

/**
 * Checks values against the schemas of one document. Own code, because a client's patterns must not run in a
 * backtracking engine.
 */
export class SchemaCheck {
  readonly #document: SchemaDocument;
  readonly #work: WorkBudget;
  readonly #patterns = new Map<string, { readonly languages: Languages; readonly all: Language }>();

  constructor(document: SchemaDocument, work: WorkBudget) {
    this.#document = document;
    this.#work = work;
  }

  /** @throws CortexError naming an unknown keyword, or when the check takes too long. */
  verdict(value: unknown, schema: Schema, depth = 0): Verdict {
    this.#work.spend(1);
    if (depth > MAX_DEPTH)
      throw unsupported('$ref', `recurses more than ${MAX_DEPTH} levels for a listed value`);
    const below = (part: unknown, keyword: string): Verdict =>
      this.verdict(value, asSchema(part, keyword), depth + 1);
    const { $ref, unevaluatedProperties } = schema;
    const own = ownKeywords(schema);
    return allOf([
      () => this.#own(value, own, depth),
      () => ($ref === undefined ? 'yes' : below(this.#document.target($ref), '$ref')),
      () => allOf(listOf(schema, 'allOf').map((part) => () => below(part, 'allOf'))),
      () => this.#any(schema['anyOf'], (part) => below(part, 'anyOf')),
      () => this.#one(schema['oneOf'], (part) => below(part, 'oneOf')),
      () => unevaluated(value, own, unevaluatedProperties),
    ]);
  }

  #any(branches: unknown, check: (branch: unknown) => Verdict): Verdict {
    if (!Array.isArray(branches)) return 'yes';
    let best: Verdict = 'no';
    for (const branch of branches) {
      const verdict = check(branch);
      if (verdict === 'yes') return 'yes';
      if (verdict === 'unknown') best = 'unknown';
    }
    return best;
  }

  #one(branches: unknown, check: (branch: unknown) => Verdict): Verdict {
    if (!Array.isArray(branches)) return 'yes';
    const verdicts = branches.map(check);
    const sure = verdicts.filter((verdict) => verdict === 'yes').length;
    if (sure > 1) return 'no';
    if (verdicts.includes('unknown')) return 'unknown';
    return sure === 1 ? 'yes' : 'no';
  }

  #own(value: unknown, own: Schema, depth: number): Verdict {
    const values = own['enum'];
    if (Array.isArray(values) && !valueKeys(values).has(valueKey(value))) return 'no';
    if (own['type'] !== undefined && !isOfType(value, own['type'])) return 'no';
    if (typeof value === 'number') return numberVerdict(value, own);
    if (typeof value === 'string') return this.#string(value, own);
    if (Array.isArray(value)) return this.#array(value, own, depth);
    return isJsonObject(value) ? this.#object(value, own, depth) : 'yes';
  }

  #string(value: string, own: Schema): Verdict {
    if (!isWithin(Array.from(value).length, own, 'Length')) return 'no';
    const format = formatPattern(text(own, 'format'));
    return allOf([
      ...patternsOf(own).map(
        (pattern) => () => (this.#matches(value, pattern) ? 'yes' : ('no' as const)),
      ),
      () => (format === undefined || this.#matches(value, format) ? 'yes' : 'unknown'),
    ]);
  }

  #matches(value: string, pattern: string): boolean {
    this.#work.spend(1 + value.length / 16);
    try {
      let known = this.#patterns.get(pattern);
      if (known === undefined) {
        this.#work.spend(UNICODE_STEPS * unicodeSetsIn(pattern));
        const languages = new Languages((steps) => this.#work.spend(steps));
        known = { languages, all: patternLanguage(languages, pattern) };
        this.#patterns.set(pattern, known);
      }
      return matches(known.languages, known.all, value);
    } catch (error) {
      if (error instanceof UnsupportedPattern)
        throw unsupported('pattern', `uses ${error.message}`);
      throw error;
    }
  }

  #array(value: readonly unknown[], own: Schema, depth: number): Verdict {
    if (!isWithin(value.length, own, 'Items')) return 'no';
    if (own['uniqueItems'] === true && valueKeys(value).size < value.length) return 'no';
    const tuple = listOf(own, 'prefixItems');
    return allOf(
      value.map((item, i) => () => {
        const schema = i < tuple.length ? tuple[i] : own['items'];
        return this.verdict(item, asSchema(schema, 'items'), depth + 1);
      }),
    );
  }

  #object(value: Schema, own: Schema, depth: number): Verdict {
    const keys = Object.keys(value);
    if (!isWithin(keys.length, own, 'Properties')) return 'no';
    if (listOf(own, 'required').some((key) => !Object.hasOwn(value, String(key)))) return 'no';
    const properties = asSchema(own['properties'], 'properties');
    const names = asSchema(own['propertyNames'], 'propertyNames');
    return allOf(
      keys.map((key) => () => {
        const schema = Object.hasOwn(properties, key)
          ? properties[key]
          : own['additionalProperties'];
        return allOf([
          () => this.verdict(key, names, depth + 1),
          () => this.verdict(value[key], asSchema(schema, 'properties'), depth + 1),
        ]);
      }),
    );
  }
}

/** The most schemas to follow for one value. The check recurses per schema. */
const MAX_DEPTH = 512;

/** The number of steps that a Unicode property escape counts as. */
const UNICODE_STEPS = 6000;

function allOf(checks: readonly (() => Verdict)[]): Verdict {
  let worst: Verdict = 'yes';
  for (const check of checks) {
    const verdict = check();
    if (verdict === 'no') return 'no';
    if (verdict === 'unknown') worst = 'unknown';
  }
  return worst;
}

const isWithin = (size: number, own: Schema, what: 'Length' | 'Items' | 'Properties'): boolean =>
  size >= (count(own, `min${what}`) ?? 0) && size <= (count(own, `max${what}`) ?? Infinity);

function numberVerdict(value: number, own: Schema): Verdict {
  const format = formatIntegers(text(own, 'format'));
  if (format !== undefined && !Number.isInteger(value)) return 'no';
  const isWithinBounds =
    value >= (number(own, 'minimum') ?? -Infinity) &&
    value <= (number(own, 'maximum') ?? Infinity) &&
    value > (number(own, 'exclusiveMinimum') ?? -Infinity) &&
    value < (number(own, 'exclusiveMaximum') ?? Infinity) &&
    value >= (format?.min ?? -Infinity) &&
    value <= (format?.max ?? Infinity);
  if (!isWithinBounds) return 'no';
  return own['multipleOf'] === undefined ? 'yes' : isMultiple(value, stepOf(own['multipleOf']));
}

/**
 * Validators divide doubles, and 0.07 / 0.01 is not an integer then. Where validators may disagree the result is
 * unknown.
 */
function isMultiple(value: number, step: number): Verdict {
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return 'unknown';
  const places = Math.max(decimalsOf(value), decimalsOf(step));
  const isExact = scale(value, places).floor % scale(step, places).floor === 0n;
  if (isExact !== Number.isInteger(value / step)) return 'unknown';
  return isExact ? 'yes' : 'no';
}

function unevaluated(value: unknown, own: Schema, rest: unknown): Verdict {
  if (rest === undefined || rest === true || !isJsonObject(value)) return 'yes';
  const properties = asSchema(own['properties'], 'properties');
  return Object.keys(value).every((key) => Object.hasOwn(properties, key)) ? 'yes' : 'unknown';
}
