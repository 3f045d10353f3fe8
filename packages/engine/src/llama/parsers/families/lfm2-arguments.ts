/** JSON Schema → GBNF of the arguments of a call in Python: `key=value, other=value`. */
import { choice, type GrammarRules, literal, sequence } from '../../../grammar/grammar-rules.ts';
import { alternatives, jsonSchemaRule } from '../../../grammar/json-schema.ts';
import { count, isAllowed, typesOf } from '../../../grammar/schema-keywords.ts';
import {
  asSchema,
  type FlatSchema,
  isObject,
  type Schema,
  unsupported,
} from '../../../grammar/schema-merge.ts';
import { isBareKey, otherKeyRule } from './bare-keys.ts';

/** What stands between the brackets of a call. @throws CortexError naming the keyword that cannot be held in this form. */
export function pythonArgumentsRule(rules: GrammarRules, parameters: unknown): string {
  const root = asSchema(parameters, 'parameters');
  const writer = new ArgumentWriter(rules, root);
  const options = alternatives(root, root)
    .filter((option) => option['enum'] === undefined && typesOf(option).includes('object'))
    .flatMap((option) => writer.list(option) ?? []);
  if (options.length === 0) throw unsupported('parameters', 'allow no object at all');
  return choice([...new Set(options)]);
}

interface Argument {
  readonly rule: string;
  readonly isRequired: boolean;
}

class ArgumentWriter {
  readonly #rules: GrammarRules;
  readonly #root: Schema;

  constructor(rules: GrammarRules, root: Schema) {
    this.#rules = rules;
    this.#root = root;
  }

  /** The arguments in their declared order; undefined when no object is valid. */
  list(schema: FlatSchema): string | undefined {
    const properties = asSchema(schema['properties'], 'properties');
    const required = new Set(
      Array.isArray(schema['required']) ? schema['required'].map(String) : [],
    );
    const names = [...new Set([...Object.keys(properties), ...required])];
    if ((count(schema, 'minProperties') ?? 0) > required.size)
      throw unsupported('minProperties', 'is only supported up to the required properties');
    if (count(schema, 'maxProperties') !== undefined)
      throw unsupported('maxProperties', 'is not supported in the calls of this model');
    const list: Argument[] = [];
    for (const name of names) {
      const declared = Object.hasOwn(properties, name)
        ? properties[name]
        : schema['additionalProperties'];
      const isRequired = required.has(name);
      const isWritable = isBareKey(name);
      if (isRequired && !isWritable)
        throw unsupported('required', `names "${name}", which calls of this model cannot hold`);
      const value = isWritable ? this.#value(asSchema(declared, 'properties')) : undefined;
      if (value !== undefined)
        list.push({ rule: this.#argument(literal(name), value), isRequired });
      else if (isRequired) return undefined;
    }
    return joined(this.#rules, list, this.#extra(schema, names)) || '""';
  }

  #argument(key: string, value: string): string {
    return this.#rules.add('argument', sequence(key, '"="', value));
  }

  /** An argument that is not declared; undefined when none is written. */
  #extra(schema: FlatSchema, names: readonly string[]): string | undefined {
    const { additionalProperties: extra, unevaluatedProperties: unevaluated } = schema;
    if (extra === false || unevaluated === false) return undefined;
    if (isObject(unevaluated) && extra === undefined)
      throw unsupported('unevaluatedProperties', 'may only be true or false');
    // As for JSON: where some are declared and nothing is said of others, there are none.
    if (extra === undefined && names.length > 0) return undefined;
    const value = this.#value(asSchema(extra, 'additionalProperties'));
    return value === undefined
      ? undefined
      : this.#argument(otherKeyRule(this.#rules, names), value);
  }

  /** JSON but for constants, which stand as in Python; within lists and objects as in JSON. */
  #value(schema: Schema): string | undefined {
    const bodies = alternatives(schema, this.#root).flatMap((option) => {
      const values = option['enum'];
      if (Array.isArray(values))
        return values
          .filter((value) => isAllowed(value, option))
          .map((value) => literal(written(value)));
      const types = typesOf(option);
      const others = types.filter((type) => type !== 'boolean' && type !== 'null');
      return [
        ...(types.includes('boolean') ? ['"True"', '"False"'] : []),
        ...(types.includes('null') ? ['"None"'] : []),
        ...(others.length === 0
          ? []
          : [jsonSchemaRule(this.#rules, { ...option, type: others }, this.#root)]),
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

/** Two rules an argument, with and without another one before it: linear, whichever are left out. */
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
