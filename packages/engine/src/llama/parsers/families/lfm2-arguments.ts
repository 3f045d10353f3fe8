/** JSON Schema → GBNF of the arguments of a call in Python: `key=value, other=value`. */
import { choice, type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';
import { jsonSchemaRule, SchemaReader } from '../../../grammar/json-schema.ts';
import { type ObjectKeys, objectKeys } from '../../../grammar/object-keys.ts';
import { type FlatSchema, type Schema, unsupported } from '../../../grammar/schema.ts';
import { count, typesOf } from '../../../grammar/schema-keywords.ts';
import { isBareKey, otherKeyRule } from './bare-keys.ts';

/**
 * The text between the brackets of a call.
 *
 * @throws CortexError naming the keyword that cannot be enforced in this form.
 */
export function pythonArgumentsRule(rules: GrammarRules, parameters: unknown): string {
  const reader = new SchemaReader(rules, parameters);
  const writer = new ArgumentWriter(rules, reader);
  const options = reader
    .alternatives(reader.document.root)
    .filter((option) => option['enum'] === undefined && typesOf(option).includes('object'))
    .flatMap((option) => writer.list(option) ?? []);
  if (options.length === 0) throw unsupported('parameters', 'does not allow any object');
  return choice([...new Set(options)]);
}

interface Argument {
  readonly rule: string;
  readonly isRequired: boolean;
}

class ArgumentWriter {
  readonly #rules: GrammarRules;
  readonly #reader: SchemaReader;

  constructor(rules: GrammarRules, reader: SchemaReader) {
    this.#rules = rules;
    this.#reader = reader;
  }

  /** The arguments in their declared order; undefined if no object is valid. */
  list(schema: FlatSchema): string | undefined {
    const keys = objectKeys(schema, this.#reader);
    if (keys === undefined) return undefined;
    const requiredCount = keys.named.filter(({ isRequired }) => isRequired).length;
    if ((count(schema, 'minProperties') ?? 0) > requiredCount)
      throw unsupported(
        'minProperties',
        'is not supported above the number of required properties',
      );
    if (count(schema, 'maxProperties') !== undefined)
      throw unsupported('maxProperties', 'is not supported in the calls of this model');
    const list: Argument[] = [];
    for (const { key, schema: declared, isRequired } of keys.named) {
      const isWritable = isBareKey(key);
      if (isRequired && !isWritable)
        throw unsupported('required', `names "${key}", which a call of this model cannot contain`);
      const value = isWritable ? this.#value(declared) : undefined;
      if (value !== undefined) list.push({ rule: this.#argument(literal(key), value), isRequired });
      else if (isRequired) return undefined;
    }
    return joined(this.#rules, list, this.#extra(schema, keys)) || '""';
  }

  #argument(key: string, value: string): string {
    return this.#rules.add('argument', sequence(key, '"="', value));
  }

  /** An undeclared argument; undefined if none may be written. */
  #extra(schema: FlatSchema, { named, others }: ObjectKeys): string | undefined {
    if (others === undefined) return undefined;
    if (schema['propertyNames'] !== undefined)
      throw unsupported('propertyNames', 'is not supported in the calls of this model');
    const value = this.#value(others.schema);
    if (value === undefined) return undefined;
    const key = otherKeyRule(
      this.#rules,
      named.map((member) => member.key),
    );
    return this.#argument(key, value);
  }

  /** JSON, but with the constants of Python; JSON constants within lists and objects. */
  #value(schema: Schema): string | undefined {
    const bodies = this.#reader.alternatives(schema).flatMap((option) => {
      const values = this.#reader.listed(option);
      if (values !== undefined) return values.map((value) => literal(written(value)));
      const types = typesOf(option);
      const others = types.filter((type) => type !== 'boolean' && type !== 'null');
      return [
        ...(types.includes('boolean') ? ['"True"', '"False"'] : []),
        ...(types.includes('null') ? ['"None"'] : []),
        ...(others.length === 0
          ? []
          : [jsonSchemaRule(this.#rules, { ...option, type: others }, this.#reader)]),
      ];
    });
    return bodies.length === 0
      ? undefined
      : this.#rules.add('value', [...new Set(bodies)].join(' | '));
  }
}

const CONSTANTS = new Map<unknown, string>([
  [true, 'True'],
  [false, 'False'],
  [null, 'None'],
]);

const written = (value: unknown): string => CONSTANTS.get(value) ?? JSON.stringify(value);

/** Two rules per argument, with and without an argument before it, so the size is linear. */
function joined(rules: GrammarRules, list: readonly Argument[], extra: string | undefined): string {
  let later = extra === undefined ? '' : rules.add('extras', `( ", " ${extra} )*`);
  let first = extra === undefined ? '' : rules.add('extras', `( ${extra} ${later} )?`);
  for (const { rule, isRequired } of list.toReversed()) {
    const own = sequence(rule, later);
    const behind = sequence('", "', own);
    first = rules.add('arguments', isRequired ? own : `${own} | ${first || '""'}`);
    later = rules.add('arguments', isRequired ? behind : `${behind} | ${later || '""'}`);
  }
  return first;
}
