/** Tool calls with unquoted values between tags, as in `<parameter=key>value</parameter>`. */
import type { CallableTool } from './answer-grammar.ts';
import { choice, type GrammarRules, literal, sequence } from './grammar-rules.ts';
import { SchemaReader } from './json-schema.ts';
import { objectKeys } from './object-keys.ts';
import { type FlatSchema, type Schema, unsupported } from './schema.ts';
import { count, typesOf } from './schema-keywords.ts';
import { xmlValueRule } from './xml-value.ts';

/** The form of a call of a family, without the values. */
export interface XmlForm {
  /** A call before its first parameter and after its last. */
  begin(name: string): string;
  readonly end: string;
  /** A parameter before its value, and the tag after the value. */
  beginParameter(key: string): string;
  readonly endParameter: string;
  /** What surrounds a value and belongs to the tags. */
  readonly lineBreak: '\n' | '';
  /** There is no line break between parameters. */
  readonly isOneLine?: true;
}

interface XmlCalls {
  readonly tools: readonly CallableTool[];
  readonly isSingle: boolean;
  readonly form: XmlForm;
}

/** At least one call. @throws CortexError naming the keyword that cannot be enforced in this form. */
export function xmlCallsRule(rules: GrammarRules, { tools, isSingle, form }: XmlCalls): string {
  const calls = tools.map((tool) => {
    const reader = new SchemaReader(rules, tool.parameters);
    const parameters = parameterList(reader, (key, schema) =>
      parameterRule(rules, { key, schema, reader, form }),
    );
    return rules.add(
      'call',
      sequence(literal(form.begin(tool.name)), parameters, literal(form.end)),
    );
  });
  const call = rules.add('any-call', calls.join(' | '));
  return sequence(call, isSingle ? '' : `( "\\n" ${call} )*`);
}

/** The rule of one parameter; undefined if no value is valid or its key cannot be written. */
type WriteParameter = (key: string, schema: Schema) => string | undefined;

/**
 * The rules of the parameters of one call, in their declared order.
 *
 * @throws CortexError naming the keyword that cannot be enforced in this form.
 */
export function parameterList(reader: SchemaReader, write: WriteParameter): string {
  const options = reader
    .alternatives(reader.document.root)
    .filter((option) => option['enum'] === undefined && typesOf(option).includes('object'))
    .flatMap((option) => listOfObject(option, reader, write) ?? []);
  if (options.length === 0) throw unsupported('parameters', 'does not allow any object');
  return choice(options);
}

/** Undefined if no object is valid. */
function listOfObject(
  schema: FlatSchema,
  reader: SchemaReader,
  write: WriteParameter,
): string | undefined {
  const members = objectKeys(schema, reader)?.named;
  if (members === undefined) return undefined;
  const requiredCount = members.filter((member) => member.isRequired).length;
  if ((count(schema, 'minProperties') ?? 0) > requiredCount)
    throw unsupported('minProperties', 'is not supported above the number of required properties');
  if ((count(schema, 'maxProperties') ?? Infinity) < members.length)
    throw unsupported('maxProperties', 'is not supported below the number of declared properties');
  const list: string[] = [];
  for (const { key, schema: declared, isRequired } of members) {
    // A key that a tag cannot contain is omitted.
    const isWritable = !/[<>\n]/.test(key) && key === key.trim() && key !== '';
    const rule = isWritable ? write(key, declared) : undefined;
    if (rule === undefined && isRequired) return undefined;
    if (rule !== undefined) list.push(isRequired ? rule : `${rule}?`);
  }
  return sequence(...list) || '""';
}

interface Parameter {
  readonly key: string;
  readonly schema: Schema;
  readonly reader: SchemaReader;
  readonly form: XmlForm;
}

function parameterRule(
  rules: GrammarRules,
  { key, schema, reader, form }: Parameter,
): string | undefined {
  const { lineBreak, endParameter } = form;
  const value = xmlValueRule(rules, schema, { reader, lineBreak, endParameter });
  if (value === undefined) return undefined;
  const head = literal(form.beginParameter(key) + lineBreak);
  return rules.add('parameter', sequence(head, value, form.isOneLine ? '' : '"\\n"'));
}
