/**
 * JSON Schema → GBNF.
 *
 * The grammar accepts a part of what the schema allows, never more: what passes it validates. A keyword that
 * cannot be held is refused by name. Source of the semantics: JSON Schema 2020-12 (and the tuple form of draft 7).
 */
import { CortexError } from '@cortex/protocol';

import { anyText } from './any-text.ts';
import { type GrammarRules, literal, repeat, sequence } from './grammar-rules.ts';
import { integerRule, numberRule } from './number-rules.ts';
import { type Member, objectRule, otherKeyRule, spaceRule } from './object-rules.ts';
import { UnsupportedPattern } from './pattern-syntax.ts';
import { isDisjoint } from './schema-disjoint.ts';
import { count, isAllowed, numberBounds, optional, text, typesOf } from './schema-keywords.ts';
import {
  asSchema,
  type FlatSchema,
  flatten,
  isObject,
  type Schema,
  unsupported,
} from './schema-merge.ts';
import { isKnownFormat, stringRule } from './string-rules.ts';

/**
 * The rule of a JSON document that is valid for `schema`, in `rules`.
 *
 * @param root - the schema that references point into, where `schema` is a part of it
 * @throws CortexError `invalid_request` naming the keyword that cannot be held.
 */
export function jsonSchemaRule(rules: GrammarRules, schema: unknown, root = schema): string {
  const converter = new SchemaConverter(rules, asSchema(root, 'schema'));
  const rule = converter.visit(asSchema(schema, 'schema'), 'document');
  if (rule !== undefined) return rule;
  throw new CortexError('invalid_request', 'The JSON schema allows no value at all.', {
    param: 'response_format',
  });
}

/** The alternatives of `schema`. @throws CortexError where one value could satisfy several branches of a `oneOf`. */
export function alternatives(schema: Schema, root: Schema): readonly FlatSchema[] {
  const { options, exclusive } = flatten(schema, root);
  for (const [written, other] of exclusive) {
    if (written === undefined || other === undefined) continue;
    if (isDisjoint({ written, other, root })) {
      if (isDisjoint({ written: other, other: written, root })) continue;
    }
    throw unsupported(
      'oneOf',
      'has branches that one value could satisfy together; use anyOf, or a required property with a different const in each',
    );
  }
  return options;
}

class SchemaConverter {
  readonly rules: GrammarRules;
  readonly #root: Schema;
  readonly #visited = new Map<string, string | undefined>();

  constructor(rules: GrammarRules, root: Schema) {
    this.rules = rules;
    this.#root = root;
  }

  /** The rule for `schema`, or undefined when nothing is valid for it. */
  visit(schema: Schema, hint: string): string | undefined {
    const key = JSON.stringify(schema);
    if (this.#visited.has(key)) return this.#visited.get(key);
    const name = this.rules.reserve(hint);
    this.#visited.set(key, name);
    const options = alternatives(schema, this.#root);
    const bodies = options.flatMap((option) => this.#alternative(option, hint));
    if (bodies.length === 0) {
      // Whoever met the name while it was being built wrote a rule that can never be entered.
      this.#visited.set(key, undefined);
      this.rules.define(name, String.raw`[^\x00-\U0010FFFF]`);
      return undefined;
    }
    this.rules.define(name, [...new Set(bodies)].join(' | '));
    return name;
  }

  #alternative(schema: FlatSchema, hint: string): string[] {
    const values = schema['enum'];
    if (values !== undefined) {
      if (!Array.isArray(values)) throw unsupported('enum', 'must be a list');
      const allowed = values.filter((value) => isAllowed(value, schema));
      if (allowed.length === 0) return [];
      return [
        anyText(
          this.rules,
          allowed.map((value) => JSON.stringify(value)),
        ),
      ];
    }
    return typesOf(schema).flatMap((type) => this.#typed(type, schema, hint) ?? []);
  }

  #typed(type: string, schema: FlatSchema, hint: string): string | undefined {
    switch (type) {
      case 'object':
        return this.#object(schema, hint);
      case 'array':
        return this.#array(schema, hint);
      case 'string':
        return this.#string(schema);
      case 'integer':
        if (schema['multipleOf'] !== undefined && schema['multipleOf'] !== 1)
          throw unsupported('multipleOf', 'is not supported');
        return integerRule(this.rules, numberBounds(schema));
      case 'number':
        if (schema['multipleOf'] !== undefined)
          throw unsupported('multipleOf', 'is not supported for numbers');
        return numberRule(this.rules, numberBounds(schema));
      case 'boolean':
        return '"true" | "false"';
      case 'null':
        return '"null"';
      default:
        throw unsupported('type', `names "${type}", which is no JSON type`);
    }
  }

  #string(schema: FlatSchema): string | undefined {
    const format = text(schema, 'format');
    if (format !== undefined && !isKnownFormat(format))
      throw unsupported('format', `names "${format}", which is not known`);
    try {
      const result = stringRule(this.rules, {
        ...optional('minLength', count(schema, 'minLength')),
        ...optional('maxLength', count(schema, 'maxLength')),
        ...optional('pattern', text(schema, 'pattern')),
        ...optional('format', format),
      });
      if (result === 'impossible') return undefined;
      if ('conflict' in result) throw unsupported(result.conflict, 'cannot be held');
      return result.rule;
    } catch (error) {
      if (error instanceof UnsupportedPattern)
        throw unsupported('pattern', `uses ${error.message}`);
      throw error;
    }
  }

  #array(schema: FlatSchema, hint: string): string | undefined {
    const tuple = Array.isArray(schema['prefixItems'])
      ? schema['prefixItems']
      : Array.isArray(schema['items'])
        ? schema['items']
        : [];
    const rest = Array.isArray(schema['items']) ? schema['additionalItems'] : schema['items'];
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
    const properties = asSchema(schema['properties'], 'properties');
    const required = new Set(
      Array.isArray(schema['required']) ? schema['required'].map(String) : [],
    );
    const members: Member[] = [];
    for (const key of new Set([...Object.keys(properties), ...required])) {
      const declared = Object.hasOwn(properties, key)
        ? properties[key]
        : schema['additionalProperties'];
      const value = this.visit(asSchema(declared, 'properties'), `${hint}-${key}`);
      if (value !== undefined)
        members.push({
          rule: this.#member(literal(JSON.stringify(key)), value),
          isRequired: required.has(key),
        });
      else if (required.has(key)) return undefined;
    }
    const extra = this.#extraMember(schema, {
      hint,
      names: [...new Set([...Object.keys(properties), ...required])],
    });
    return objectRule(this.rules, schema, { members, extra });
  }

  #member(key: string, value: string): string {
    return this.rules.add(
      'member',
      sequence(key, spaceRule(this.rules), '":"', spaceRule(this.rules), value),
    );
  }

  /** The rule for one property that is not declared, or undefined when none is written. */
  #extraMember(
    schema: FlatSchema,
    { hint, names }: { hint: string; names: readonly string[] },
  ): string | undefined {
    const extra = schema['additionalProperties'];
    const unevaluated = schema['unevaluatedProperties'];
    if (extra === false || unevaluated === false) return undefined;
    if (isObject(unevaluated) && extra === undefined)
      throw unsupported('unevaluatedProperties', 'may only be true or false');
    // Nothing said of further properties: leaving them out is what callers mean, and always valid.
    if (extra === undefined && names.length > 0) return undefined;
    const value = this.visit(asSchema(extra, 'additionalProperties'), `${hint}-extra`);
    return value === undefined ? undefined : this.#member(otherKeyRule(this.rules, names), value);
  }
}
