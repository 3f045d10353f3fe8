/** JSON Schema → GBNF of values as Gemma writes them: bare keys, strings in its own delimiters, no escapes. */
import {
  choice,
  type GrammarRules,
  literal,
  repeat,
  sequence,
} from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule, SchemaReader } from '../../../grammar/json-schema.ts';
import { type ObjectKeys, objectKeys } from '../../../grammar/object-keys.ts';
import { type Member, objectRule, spaceRule } from '../../../grammar/object-rules.ts';
import { rawStringRule } from '../../../grammar/raw-strings.ts';
import { asSchema, type FlatSchema, type Schema, unsupported } from '../../../grammar/schema.ts';
import { count, listOf, optional, typesOf } from '../../../grammar/schema-keywords.ts';
import { isBareKey, otherKeyRule } from './bare-keys.ts';
import { QUOTE } from './gemma-script.ts';

/**
 * The arguments of a call, including braces.
 *
 * @throws CortexError naming the keyword that cannot be enforced in this form.
 */
export function gemmaObjectRule(rules: GrammarRules, parameters: unknown): string {
  const rule = new ValueWriter(rules, new SchemaReader(rules, parameters)).rootObject();
  if (rule === undefined) throw unsupported('parameters', 'does not allow any object');
  return rule;
}

class ValueWriter {
  readonly #rules: GrammarRules;
  readonly #reader: SchemaReader;
  readonly #visited = new Map<number, string | undefined>();

  constructor(rules: GrammarRules, reader: SchemaReader) {
    this.#rules = rules;
    this.#reader = reader;
  }

  rootObject(): string | undefined {
    const options = this.#reader
      .alternatives(this.#reader.document.root)
      .filter((option) => option['enum'] === undefined && typesOf(option).includes('object'))
      .flatMap((option) => this.#object(option) ?? []);
    return options.length === 0 ? undefined : choice([...new Set(options)]);
  }

  /** The rule for `schema`, or undefined if no value is valid. */
  #visit(schema: Schema, hint: string): string | undefined {
    const key = this.#reader.document.ids.of(schema);
    if (this.#visited.has(key)) return this.#visited.get(key);
    const name = this.#rules.reserve(hint);
    this.#visited.set(key, name);
    const bodies = this.#reader.alternatives(schema).flatMap((option) => {
      const values = this.#reader.listed(option);
      return values === undefined
        ? typesOf(option).flatMap((type) => this.#typed(type, option) ?? [])
        : values.flatMap((value) => valueText(value) ?? []).map(literal);
    });
    if (bodies.length === 0) {
      // Rules that used the reserved name must never match, so it gets a body that matches nothing.
      this.#visited.set(key, undefined);
      this.#rules.define(name, String.raw`[^\x00-\U0010FFFF]`);
      return undefined;
    }
    this.#rules.define(name, [...new Set(bodies)].join(' | '));
    return name;
  }

  #typed(type: string, schema: FlatSchema): string | undefined {
    switch (type) {
      case 'object':
        return this.#object(schema);
      case 'array':
        return this.#array(schema);
      case 'string':
        return this.#string(schema);
      default:
        // Written as in JSON.
        return jsonSchemaRule(this.#rules, { ...schema, type }, this.#reader);
    }
  }

  #string(schema: FlatSchema): string | undefined {
    const rule = rawStringRule(this.#rules, schema, QUOTE);
    return rule === undefined ? undefined : sequence(literal(QUOTE), rule);
  }

  #array(schema: FlatSchema): string | undefined {
    if (listOf(schema, 'prefixItems').length > 0)
      throw unsupported('prefixItems', 'is not supported in the calls of this model');
    const max = count(schema, 'maxItems');
    if (schema['uniqueItems'] === true && (max ?? 2) > 1)
      throw unsupported('uniqueItems', 'is not supported');
    const min = count(schema, 'minItems') ?? 0;
    if (max !== undefined && max < min) return undefined;
    const space = spaceRule(this.#rules);
    const item = max === 0 ? undefined : this.#visit(asSchema(schema['items'], 'items'), 'item');
    if (item === undefined) return min === 0 ? sequence('"["', space, '"]"') : undefined;
    const next = this.#rules.add('next-item', sequence('","', space, item, space));
    const more = repeat(this.#rules, next, {
      min: Math.max(0, min - 1),
      ...optional('max', max === undefined ? undefined : max - 1),
    });
    const some = sequence(item, space, more);
    return sequence('"["', space, min === 0 ? `( ${some} )?` : some, '"]"');
  }

  #object(schema: FlatSchema): string | undefined {
    const keys = objectKeys(schema, this.#reader);
    if (keys === undefined) return undefined;
    const members: Member[] = [];
    for (const { key: name, schema: declared, isRequired } of keys.named) {
      const value = this.#visit(declared, `value-${name}`);
      const key = keyText(name);
      if (value !== undefined && key !== undefined)
        members.push({
          rule: this.#rules.add('member', sequence(literal(`${key}:`), value)),
          isRequired,
        });
      else if (isRequired) return undefined;
    }
    return objectRule(this.#rules, schema, { members, extra: this.#extra(schema, keys) });
  }

  /** An undeclared property; undefined if none may be written. */
  #extra(schema: FlatSchema, { named, others }: ObjectKeys): string | undefined {
    if (others === undefined) return undefined;
    if (schema['propertyNames'] !== undefined)
      throw unsupported('propertyNames', 'is not supported in the calls of this model');
    const value = this.#visit(others.schema, 'extra');
    if (value === undefined) return undefined;
    const key = otherKeyRule(
      this.#rules,
      named.map((member) => member.key),
    );
    return this.#rules.add('member', sequence(key, '":"', value));
  }
}

/** The text of a value; undefined if a string in it contains the delimiter. */
function valueText(value: unknown): string | undefined {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const parts = Array.isArray(value)
    ? value.map(valueText)
    : Object.entries(value).map(([name, member]) => joined(keyText(name), valueText(member)));
  if (parts.includes(undefined)) return undefined;
  return Array.isArray(value) ? `[${parts.join(',')}]` : `{${parts.join(',')}}`;
}

const joined = (key: string | undefined, value: string | undefined): string | undefined =>
  key === undefined || value === undefined ? undefined : `${key}:${value}`;

const keyText = (name: string): string | undefined => (isBareKey(name) ? name : quoted(name));

const quoted = (value: string): string | undefined =>
  value.includes(QUOTE) || !value.isWellFormed() ? undefined : QUOTE + value + QUOTE;
