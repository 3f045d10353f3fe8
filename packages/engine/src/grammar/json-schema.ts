/**
 * JSON Schema → GBNF.
 *
 * The grammar accepts a subset of what the schema allows: every accepted document is valid. A keyword that cannot be
 * enforced is refused by name. Source of the semantics: JSON Schema 2020-12 (and the tuple form of draft 7).
 */
import { CortexError } from '@cortex/protocol';

import { anyText } from './any-text.ts';
import { type GrammarRules, literal, repeat, sequence } from './grammar-rules.ts';
import { multipleRule } from './multiple-rules.ts';
import { integerRule, numberRule } from './number-rules.ts';
import { type ObjectKeys, objectKeys } from './object-keys.ts';
import { type Member, objectRule, spaceRule } from './object-rules.ts';
import { asSchema, type FlatSchema, type Schema, unsupported } from './schema.ts';
import { SchemaCheck } from './schema-check.ts';
import { Exclusion } from './schema-disjoint.ts';
import {
  count,
  listOf,
  numberBounds,
  optional,
  stringBounds,
  text,
  typesOf,
} from './schema-keywords.ts';
import { SchemaDocument } from './schema-merge.ts';
import { checkSize } from './schema-size.ts';
import { formatIntegers } from './string-formats.ts';
import { stringRule } from './string-rules.ts';
import { WorkBudget } from './work-budget.ts';

/** The most levels of values nested through references. The converter recurses per level. */
const MAX_LEVELS = 256;

/** The most checks of listed values against schemas: about 0.1 s. */
const MAX_CHECKS = 150_000;

/** Number of characters of a schema that count as one step. */
const CHARS_PER_STEP = 16;

/** State of the conversion of one schema document. */
export class SchemaReader {
  readonly document: SchemaDocument;
  readonly check: SchemaCheck;
  readonly #exclusion: Exclusion;

  /** @throws CortexError if `root` is too large. */
  constructor(rules: GrammarRules, root: unknown) {
    const spend = (steps: number): void => rules.spendReading(steps);
    spend(checkSize(root) / CHARS_PER_STEP);
    this.document = new SchemaDocument(asSchema(root, 'schema'), spend);
    this.#exclusion = new Exclusion(this.document, spend);
    const work = new WorkBudget(
      [MAX_CHECKS, spend],
      'enum',
      'or "propertyNames" has too many values and keywords to check against each other; list only valid values',
    );
    this.check = new SchemaCheck(this.document, work);
  }

  /** The alternatives of `schema`. @throws CortexError if one value could satisfy several branches of a `oneOf`. */
  alternatives(schema: Schema): readonly FlatSchema[] {
    const options = this.document.options(schema);
    for (const option of options) this.#exclusion.require(option);
    return options.map((option) => option.schema);
  }

  /** The listed values of a flat schema that satisfy its other keywords; undefined when it lists none. */
  listed(schema: FlatSchema): readonly unknown[] | undefined {
    const { enum: values, ...others } = schema;
    if (!Array.isArray(values)) return undefined;
    if (Object.keys(others).length === 0) return values;
    return values.filter((value) => {
      const verdict = this.check.verdict(value, others);
      if (verdict !== 'unknown') return verdict === 'yes';
      const keyword = ['format', 'multipleOf'].find((name) => schema[name] !== undefined);
      throw unsupported(
        keyword ?? 'enum',
        `cannot be checked for the listed value ${JSON.stringify(value).slice(0, 80)}; list only valid values and remove the keyword`,
      );
    });
  }
}

/**
 * The rule of a JSON document that is valid for `schema`, in `rules`.
 *
 * @param reader - The document that references point into, if `schema` is a part of one.
 * @throws CortexError `invalid_request` naming the keyword that cannot be enforced.
 */
export function jsonSchemaRule(
  rules: GrammarRules,
  schema: unknown,
  reader = new SchemaReader(rules, schema),
): string {
  const rule = new SchemaConverter(rules, reader).visit(asSchema(schema, 'schema'), 'document');
  if (rule !== undefined) return rule;
  throw new CortexError('invalid_request', 'The JSON schema allows no value.', {
    param: 'response_format',
  });
}

class SchemaConverter {
  readonly rules: GrammarRules;
  readonly #reader: SchemaReader;
  readonly #visited = new Map<number, string | undefined>();
  #level = 0;

  constructor(rules: GrammarRules, reader: SchemaReader) {
    this.rules = rules;
    this.#reader = reader;
  }

  /** The rule for `schema`, or undefined if no value is valid. */
  visit(schema: Schema, hint: string): string | undefined {
    const key = this.#reader.document.ids.of(schema);
    if (this.#visited.has(key)) return this.#visited.get(key);
    if (++this.#level > MAX_LEVELS)
      throw unsupported('$ref', `nests values more than ${MAX_LEVELS} levels deep`);
    const name = this.rules.reserve(hint);
    this.#visited.set(key, name);
    const options = this.#reader.alternatives(schema);
    const bodies = options.flatMap((option) => this.#alternative(option, hint.slice(0, 40)));
    this.#level--;
    if (bodies.length === 0) {
      // Rules that used the reserved name must never match, so it gets a body that matches nothing.
      this.#visited.set(key, undefined);
      this.rules.define(name, String.raw`[^\x00-\U0010FFFF]`);
      return undefined;
    }
    this.rules.define(name, [...new Set(bodies)].join(' | '));
    return name;
  }

  #alternative(schema: FlatSchema, hint: string): string[] {
    const values = this.#reader.listed(schema);
    if (values === undefined)
      return typesOf(schema).flatMap((type) => this.#typed(type, schema, hint) ?? []);
    const texts = values.map((value) => JSON.stringify(value));
    return texts.length === 0 ? [] : [anyText(this.rules, texts)];
  }

  #typed(type: string, schema: FlatSchema, hint: string): string | undefined {
    switch (type) {
      case 'object':
        return this.#object(schema, hint);
      case 'array':
        return this.#array(schema, hint);
      case 'string':
        return stringRule(this.rules, stringBounds(schema));
      case 'integer':
      case 'number':
        return this.#number(type, schema);
      case 'boolean':
        return '"true" | "false"';
      case 'null':
        return '"null"';
      default:
        throw unsupported('type', `is "${type}", which is not a JSON type`);
    }
  }

  #number(type: 'integer' | 'number', schema: FlatSchema): string | undefined {
    const bounds = numberBounds(schema);
    const step = schema['multipleOf'];
    const isWhole = type === 'integer' || formatIntegers(text(schema, 'format')) !== undefined;
    return this.rules.shared(JSON.stringify(['number', isWhole, step, bounds]), () => {
      if (step !== undefined) return multipleRule(this.rules, { bounds, step, isWhole });
      return isWhole ? integerRule(this.rules, bounds) : numberRule(this.rules, bounds);
    });
  }

  #array(schema: FlatSchema, hint: string): string | undefined {
    const tuple = listOf(schema, 'prefixItems');
    const rest = schema['items'];
    if (schema['uniqueItems'] === true && (count(schema, 'maxItems') ?? 2) > 1)
      throw unsupported('uniqueItems', 'is not supported');
    const min = count(schema, 'minItems') ?? 0;
    const max = count(schema, 'maxItems');
    if (max !== undefined && max < min) return undefined;
    const fixed: string[] = [];
    for (const [i, item] of tuple.slice(0, max).entries()) {
      const rule = this.visit(asSchema(item, 'prefixItems'), `${hint}-${i}`);
      if (rule === undefined) return fixed.length >= min ? this.#list(fixed, undefined) : undefined;
      fixed.push(rule);
    }
    const item = this.visit(asSchema(rest, 'items'), `${hint}-item`);
    if (item === undefined || (tuple.length > 0 && rest === undefined && fixed.length >= min)) {
      return fixed.length >= min ? this.#list(fixed, undefined) : undefined;
    }
    return this.#list(fixed, {
      item,
      min: Math.max(0, min - fixed.length),
      ...optional('max', max === undefined ? undefined : max - fixed.length),
    });
  }

  #list(
    fixed: readonly string[],
    rest: { item: string; min: number; max?: number } | undefined,
  ): string {
    const space = spaceRule(this.rules);
    const comma = sequence('","', space);
    const head = fixed.map((rule, i) => sequence(i === 0 ? '' : comma, rule, space));
    if (rest === undefined || rest.max === 0) return sequence('"["', space, ...head, '"]"');
    const next = this.rules.add('next-item', sequence(comma, rest.item, space));
    if (fixed.length > 0)
      return sequence('"["', space, ...head, repeat(this.rules, next, rest), '"]"');
    const more = repeat(this.rules, next, {
      min: Math.max(0, rest.min - 1),
      ...optional('max', rest.max === undefined ? undefined : rest.max - 1),
    });
    const some = sequence(rest.item, space, more);
    return sequence('"["', space, rest.min === 0 ? `( ${some} )?` : some, '"]"');
  }

  #object(schema: FlatSchema, hint: string): string | undefined {
    const keys = objectKeys(schema, this.#reader);
    if (keys === undefined) return undefined;
    const members: Member[] = [];
    for (const { key, schema: declared, isRequired } of keys.named) {
      const value = this.visit(declared, `${hint}-${key}`);
      if (value !== undefined)
        members.push({ rule: this.#member(literal(JSON.stringify(key)), value), isRequired });
      else if (isRequired) return undefined;
    }
    return objectRule(this.rules, schema, { members, extra: this.#extra(keys.others, hint) });
  }

  /** The rule for one undeclared property, or undefined if none may be written. */
  #extra(others: ObjectKeys['others'], hint: string): string | undefined {
    const value = others && this.visit(others.schema, `${hint}-extra`);
    const key = value === undefined ? undefined : others?.keyRule(this.rules);
    return key === undefined || value === undefined ? undefined : this.#member(key, value);
  }

  #member(key: string, value: string): string {
    return this.rules.add(
      'member',
      sequence(key, spaceRule(this.rules), '":"', spaceRule(this.rules), value),
    );
  }
}
