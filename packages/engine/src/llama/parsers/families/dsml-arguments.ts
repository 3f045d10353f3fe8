/** JSON Schema → GBNF of calls whose parameters state whether the value is a plain string or JSON. */
import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import { choice, type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule, SchemaReader } from '../../../grammar/json-schema.ts';
import { rawStringRule } from '../../../grammar/raw-strings.ts';
import type { Schema } from '../../../grammar/schema.ts';
import { typesOf } from '../../../grammar/schema-keywords.ts';
import { parameterList } from '../../../grammar/xml-calls.ts';
import type { InvokeForm } from './invoke-script.ts';

/** One call. @throws CortexError naming the keyword that cannot be enforced in this form. */
export function dsmlCallRule(rules: GrammarRules, tool: CallableTool, form: InvokeForm): string {
  const reader = new SchemaReader(rules, tool.parameters);
  const parameters = parameterList(reader, (key, schema) => {
    if (key.includes('"')) return undefined;
    const { texts, others } = valueRules(rules, { schema, reader, end: form.endParameter });
    const values = [
      ...texts.map((value) => sequence(literal('true">'), value)),
      ...others.map((value) => sequence(literal('false">'), value)),
    ];
    if (values.length === 0) return undefined;
    const head = literal(`${form.parameter}${key}" string="`);
    return rules.add('parameter', sequence(head, choice(values), '"\\n"'));
  });
  const head = literal(`${form.invoke}${tool.name}">\n`);
  return rules.add('call', sequence(head, parameters, literal(form.endInvoke)));
}

interface Value {
  readonly schema: Schema;
  readonly reader: SchemaReader;
  /** The tag after it. */
  readonly end: string;
}

/** Each with its closing tag. */
function valueRules(
  rules: GrammarRules,
  { schema, reader, end }: Value,
): { readonly texts: readonly string[]; readonly others: readonly string[] } {
  const texts: string[] = [];
  const others: string[] = [];
  for (const option of reader.alternatives(schema)) {
    const values = reader.listed(option);
    if (values !== undefined) {
      for (const value of values) {
        if (typeof value !== 'string') others.push(literal(JSON.stringify(value) + end));
        else if (!value.includes(end)) texts.push(literal(value + end));
      }
      continue;
    }
    const types = typesOf(option);
    const text = types.includes('string') ? rawStringRule(rules, option, end) : undefined;
    if (text !== undefined) texts.push(text);
    const rest = types.filter((type) => type !== 'string');
    if (rest.length > 0) {
      const json = jsonSchemaRule(rules, { ...option, type: rest }, reader);
      others.push(sequence(json, literal(end)));
    }
  }
  return { texts, others };
}
