/** JSON Schema → GBNF of calls whose parameters say whether they are texts as they stand, or JSON. */
import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import { choice, type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';
import { alternatives, jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { count, isAllowed, typesOf } from '../../../grammar/schema-keywords.ts';
import {
  asSchema,
  type FlatSchema,
  type Schema,
  unsupported,
} from '../../../grammar/schema-merge.ts';
import type { InvokeForm } from './invoke-script.ts';
import { rawStringRule } from './raw-strings.ts';

/** One call. @throws CortexError naming the keyword that cannot be held in this form. */
export function dsmlCallRule(rules: GrammarRules, tool: CallableTool, form: InvokeForm): string {
  const root = asSchema(tool.parameters, 'parameters');
  const writer = new ParameterWriter(rules, { root, form });
  const options = alternatives(root, root)
    .filter((option) => option['enum'] === undefined && typesOf(option).includes('object'))
    .flatMap((option) => writer.list(option) ?? []);
  if (options.length === 0) throw unsupported('parameters', 'allow no object at all');
  const head = literal(`${form.invoke}${tool.name}">\n`);
  return rules.add('call', sequence(head, choice(options), literal(form.endInvoke)));
}

class ParameterWriter {
  readonly #rules: GrammarRules;
  readonly #root: Schema;
  readonly #form: InvokeForm;

  constructor(
    rules: GrammarRules,
    { root, form }: { readonly root: Schema; readonly form: InvokeForm },
  ) {
    this.#rules = rules;
    this.#root = root;
    this.#form = form;
  }

  /** The parameters in their declared order; undefined when no object is valid. */
  list(schema: FlatSchema): string | undefined {
    const properties = asSchema(schema['properties'], 'properties');
    const required = new Set(
      Array.isArray(schema['required']) ? schema['required'].map(String) : [],
    );
    const keys = [...new Set([...Object.keys(properties), ...required])];
    if ((count(schema, 'minProperties') ?? 0) > required.size)
      throw unsupported('minProperties', 'is only supported up to the required properties');
    if ((count(schema, 'maxProperties') ?? Infinity) < keys.length)
      throw unsupported('maxProperties', 'is only supported from the declared properties on');
    const list: string[] = [];
    for (const key of keys) {
      const declared = Object.hasOwn(properties, key)
        ? properties[key]
        : schema['additionalProperties'];
      const rule = this.#parameter(key, asSchema(declared, 'properties'));
      if (rule === undefined && required.has(key)) return undefined;
      if (rule !== undefined) list.push(required.has(key) ? rule : `${rule}?`);
    }
    return sequence(...list) || '""';
  }

  #parameter(key: string, schema: Schema): string | undefined {
    // A key that the tag cannot hold is left out.
    if (/[<>\n]/.test(key) || key !== key.trim() || key === '') return undefined;
    const { texts, others } = this.#values(schema);
    const values = [
      ...texts.map((value) => sequence(literal('true">'), value)),
      ...others.map((value) => sequence(literal('false">'), value)),
    ];
    if (values.length === 0) return undefined;
    const head = literal(`${this.#form.parameter}${key}" string="`);
    return this.#rules.add('parameter', sequence(head, choice(values), '"\\n"'));
  }

  /** Each with the tag that ends it. */
  #values(schema: Schema): {
    readonly texts: readonly string[];
    readonly others: readonly string[];
  } {
    const end = this.#form.endParameter;
    const texts: string[] = [];
    const others: string[] = [];
    for (const option of alternatives(schema, this.#root)) {
      const values = option['enum'];
      if (Array.isArray(values)) {
        for (const value of values.filter((one) => isAllowed(one, option))) {
          if (typeof value !== 'string') others.push(literal(JSON.stringify(value) + end));
          else if (!value.includes(end)) texts.push(literal(value + end));
        }
        continue;
      }
      const types = typesOf(option);
      const text = types.includes('string') ? rawStringRule(this.#rules, option, end) : undefined;
      if (text !== undefined) texts.push(text);
      const rest = types.filter((type) => type !== 'string');
      if (rest.length > 0) {
        const json = jsonSchemaRule(this.#rules, { ...option, type: rest }, this.#root);
        others.push(sequence(json, literal(end)));
      }
    }
    return { texts, others };
  }
}
