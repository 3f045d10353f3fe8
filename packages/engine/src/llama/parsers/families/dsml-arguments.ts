/** JSON Schema → GBNF of calls whose parameters say whether they are texts as they stand, or JSON. */
import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import { choice, type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule, SchemaReader } from '../../../grammar/json-schema.ts';
import { objectKeys } from '../../../grammar/object-keys.ts';
import { rawStringRule } from '../../../grammar/raw-strings.ts';
import { type FlatSchema, type Schema, unsupported } from '../../../grammar/schema.ts';
import { count, typesOf } from '../../../grammar/schema-keywords.ts';
import type { InvokeForm } from './invoke-script.ts';

/** One call. @throws CortexError naming the keyword that cannot be held in this form. */
export function dsmlCallRule(rules: GrammarRules, tool: CallableTool, form: InvokeForm): string {
  const reader = new SchemaReader(tool.parameters);
  const writer = new ParameterWriter(rules, { reader, form });
  const options = reader
    .alternatives(reader.document.root)
    .filter((option) => option['enum'] === undefined && typesOf(option).includes('object'))
    .flatMap((option) => writer.list(option) ?? []);
  if (options.length === 0) throw unsupported('parameters', 'allow no object at all');
  const head = literal(`${form.invoke}${tool.name}">\n`);
  return rules.add('call', sequence(head, choice(options), literal(form.endInvoke)));
}

class ParameterWriter {
  readonly #rules: GrammarRules;
  readonly #reader: SchemaReader;
  readonly #form: InvokeForm;

  constructor(
    rules: GrammarRules,
    { reader, form }: { readonly reader: SchemaReader; readonly form: InvokeForm },
  ) {
    this.#rules = rules;
    this.#reader = reader;
    this.#form = form;
  }

  /** The parameters in their declared order; undefined when no object is valid. */
  list(schema: FlatSchema): string | undefined {
    const members = objectKeys(schema, this.#reader)?.named;
    if (members === undefined) return undefined;
    const requiredCount = members.filter((member) => member.isRequired).length;
    if ((count(schema, 'minProperties') ?? 0) > requiredCount)
      throw unsupported('minProperties', 'is only supported up to the required properties');
    if ((count(schema, 'maxProperties') ?? Infinity) < members.length)
      throw unsupported('maxProperties', 'is only supported from the declared properties on');
    const list: string[] = [];
    for (const { key, schema: declared, isRequired } of members) {
      const rule = this.#parameter(key, declared);
      if (rule === undefined && isRequired) return undefined;
      if (rule !== undefined) list.push(isRequired ? rule : `${rule}?`);
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
    for (const option of this.#reader.alternatives(schema)) {
      const values = this.#reader.listed(option);
      if (values !== undefined) {
        for (const value of values) {
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
        const json = jsonSchemaRule(this.#rules, { ...option, type: rest }, this.#reader);
        others.push(sequence(json, literal(end)));
      }
    }
    return { texts, others };
  }
}
