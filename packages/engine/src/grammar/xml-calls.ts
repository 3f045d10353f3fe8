/** Tool calls whose values stand bare between tags, as `<parameter=key>value</parameter>`. */
import type { CallableTool } from './answer-grammar.ts';
import { choice, type GrammarRules, literal, sequence } from './grammar-rules.ts';
import { SchemaReader } from './json-schema.ts';
import { objectKeys } from './object-keys.ts';
import { type FlatSchema, type Schema, unsupported } from './schema.ts';
import { count, typesOf } from './schema-keywords.ts';
import { xmlValueRule } from './xml-value.ts';

/** How a family writes a call around its values. */
export interface XmlForm {
  /** A call up to its first parameter, and behind its last. */
  begin(name: string): string;
  readonly end: string;
  /** A parameter up to its value, and the tag behind the value. */
  beginParameter(key: string): string;
  readonly endParameter: string;
  /** What stands on both sides of a value, and belongs to the tags. */
  readonly lineBreak: '\n' | '';
  /** Parameters follow one another without a line break. */
  readonly isOneLine?: true;
}

interface XmlCalls {
  readonly tools: readonly CallableTool[];
  readonly isSingle: boolean;
  readonly form: XmlForm;
}

/** At least one call. @throws CortexError naming the keyword that cannot be held in this form. */
export function xmlCallsRule(rules: GrammarRules, { tools, isSingle, form }: XmlCalls): string {
  const calls = tools.map((tool) => {
    const reader = new SchemaReader(tool.parameters);
    const parameters = new ParameterWriter(rules, { reader, form }).parameters();
    return rules.add(
      'call',
      sequence(literal(form.begin(tool.name)), parameters, literal(form.end)),
    );
  });
  const call = rules.add('any-call', calls.join(' | '));
  return sequence(call, isSingle ? '' : `( "\\n" ${call} )*`);
}

class ParameterWriter {
  readonly #rules: GrammarRules;
  readonly #reader: SchemaReader;
  readonly #form: XmlForm;

  constructor(
    rules: GrammarRules,
    { reader, form }: { readonly reader: SchemaReader; readonly form: XmlForm },
  ) {
    this.#rules = rules;
    this.#reader = reader;
    this.#form = form;
  }

  /** The parameters of one call, in their declared order. */
  parameters(): string {
    const options = this.#reader
      .alternatives(this.#reader.document.root)
      .filter((option) => typesOf(option).includes('object'))
      .flatMap((option) => this.#object(option) ?? []);
    if (options.length === 0) throw unsupported('parameters', 'allow no object at all');
    return choice(options);
  }

  /** Undefined when no object is valid. */
  #object(schema: FlatSchema): string | undefined {
    const members = objectKeys(schema, this.#reader)?.named;
    if (members === undefined) return undefined;
    const requiredCount = members.filter((member) => member.isRequired).length;
    if ((count(schema, 'minProperties') ?? 0) > requiredCount)
      throw unsupported('minProperties', 'is only supported up to the required properties');
    if ((count(schema, 'maxProperties') ?? Infinity) < members.length)
      throw unsupported('maxProperties', 'is only supported from the declared properties on');
    const blocks: string[] = [];
    for (const { key, schema: declared, isRequired } of members) {
      const block = this.#parameter(key, declared);
      if (block === undefined && isRequired) return undefined;
      if (block !== undefined) blocks.push(isRequired ? block : `${block}?`);
    }
    return sequence(...blocks) || '""';
  }

  #parameter(key: string, schema: Schema): string | undefined {
    // A key that the tag cannot hold is left out.
    if (/[<>\n]/.test(key) || key !== key.trim() || key === '') return undefined;
    const { lineBreak, endParameter } = this.#form;
    const value = xmlValueRule(this.#rules, schema, {
      reader: this.#reader,
      lineBreak,
      endParameter,
    });
    if (value === undefined) return undefined;
    const head = literal(this.#form.beginParameter(key) + lineBreak);
    const end = this.#form.isOneLine ? '' : '"\\n"';
    return this.#rules.add('parameter', sequence(head, value, end));
  }
}
