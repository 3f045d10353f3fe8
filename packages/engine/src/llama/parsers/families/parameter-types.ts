import { isJsonObject } from '@cortex/protocol';
import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import { asSchema, jsonType, type Schema } from '../../../grammar/schema.ts';
import { flatten } from '../../../grammar/schema-merge.ts';
import { repairedValue } from '../json-arguments.ts';
import { parseJson } from '../script-steps.ts';

/** The JSON types of a value by its schema and, if the schema lists them, its values. */
interface ValueType {
  readonly types: ReadonlySet<string>;
  readonly values: readonly unknown[] | undefined;
}

/** Python spellings, which templates print and models imitate. */
const PYTHON: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

/** Converts the unquoted text of parameters to values of the types in the tool's schema. */
export class ParameterTypes {
  readonly #root: Schema;
  readonly #known = new Map<string, ValueType | undefined>();

  /** @param parameters - JSON schema of all parameters; undefined if unknown. */
  constructor(parameters: unknown) {
    this.#root = isJsonObject(parameters) ? parameters : {};
  }

  /** Whether the value of `key` is always a string. */
  isText(key: string): boolean {
    const type = this.#typeOf(key);
    return type !== undefined && [...type.types].every((name) => name === 'string');
  }

  /** Keys of the other parameters. */
  others(key: string): ReadonlySet<string> {
    const properties = this.#root['properties'];
    const keys = isJsonObject(properties) ? Object.keys(properties) : [];
    return new Set(keys.filter((one) => one !== key));
  }

  /** Whether the schema allows a string for `key` or does not constrain it. */
  mayBeText(key: string): boolean {
    return this.#typeOf(key)?.types.has('string') ?? true;
  }

  /** The JSON text of a value. A text that fits no other allowed type is a string. */
  read(key: string, text: string): string {
    const type = this.#typeOf(key);
    const trimmed = text.trim();
    for (const json of [trimmed, PYTHON[trimmed]]) {
      if (json === undefined) continue;
      const value = parseJson(json);
      if (value === undefined) continue;
      const isOnlyJson = type !== undefined && !type.types.has('string');
      if (isOnlyJson || (typeof value !== 'string' && isOf(value, type))) return json;
    }
    return this.number(key, trimmed) ?? this.#repaired(trimmed, type) ?? JSON.stringify(text);
  }

  /** The JSON of a number in another notation, such as `007`, `+1.5` or `0x1F`, if the schema allows no string. */
  number(key: string, text: string): string | undefined {
    const type = this.#typeOf(key);
    if (type === undefined || type.types.has('string')) return undefined;
    const json = jsonNumber(text);
    return json !== undefined && isOf(parseJson(json), type) ? json : undefined;
  }

  /** A list or an object in Python syntax as JSON, if the schema allows no string. */
  #repaired(text: string, type: ValueType | undefined): string | undefined {
    if (!/^[[{]/.test(text) || type === undefined || type.types.has('string')) return undefined;
    const json = repairedValue(text);
    return json !== undefined && isOf(parseJson(json), type) ? json : undefined;
  }

  #typeOf(key: string): ValueType | undefined {
    if (!this.#known.has(key)) this.#known.set(key, readType(this.#root, key));
    return this.#known.get(key);
  }
}

/** Changes the notation only, so that digits beyond a double are kept. */
function jsonNumber(text: string): string | undefined {
  const [, sign = '', digits = ''] = /^([+-]?)([\d.].*)$/.exec(text) ?? [];
  const minus = sign === '-' ? '-' : '';
  if (/^0(?:x[\da-f]+|o[0-7]+|b[01]+)$/i.test(digits)) return minus + BigInt(digits).toString();
  const decimal = /^(\d*)(?:\.(\d*))?(e[+-]?\d+)?$/i.exec(digits);
  if (decimal === null || !/^\.?\d/.test(digits)) return undefined;
  const [, whole = '', fraction = '', exponent = ''] = decimal;
  const point = fraction === '' ? '' : `.${fraction}`;
  return minus + (whole.replace(/^0+(?=\d)/, '') || '0') + point + exponent;
}

/** The parameters of a tool in the order of its schema. */
export function parameterNames(tool: CallableTool | undefined): readonly string[] {
  const schema: unknown = tool?.parameters;
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  return isJsonObject(properties) ? Object.keys(properties) : [];
}

/** Undefined if the schema states no type, or in an unsupported way. */
function readType(root: Schema, key: string): ValueType | undefined {
  try {
    const options = flatten(root, root).options.flatMap((option) => {
      const declared = asSchema(option['properties'], 'properties');
      const schema = Object.hasOwn(declared, key) ? declared[key] : option['additionalProperties'];
      return flatten(asSchema(schema, key), root).options;
    });
    if (options.length === 0) return undefined;
    const types = options.map(typesOfOption);
    if (types.includes(undefined)) return undefined;
    const values = options.map((option) => option['enum']);
    return {
      types: new Set(types.flatMap((names) => names ?? [])),
      values: values.every((list) => Array.isArray(list)) ? values.flat() : undefined,
    };
  } catch {
    // A keyword that the grammars do not support does not contradict the type.
    const declared = isJsonObject(root['properties']) ? root['properties'][key] : undefined;
    const types = isJsonObject(declared) ? typesOfOption(declared) : undefined;
    return types === undefined ? undefined : { types: new Set(types), values: undefined };
  }
}

function typesOfOption(option: Schema): readonly string[] | undefined {
  if (Array.isArray(option['enum'])) return option['enum'].map((value) => jsonType(value));
  const named = option['type'];
  return named === undefined ? undefined : [named].flat().map(String);
}

function isOf(value: unknown, type: ValueType | undefined): boolean {
  if (type === undefined) return true;
  if (type.values !== undefined)
    return type.values.some((one) => JSON.stringify(one) === JSON.stringify(value));
  const name = jsonType(value);
  return type.types.has(name) || (Number.isInteger(value) && type.types.has('integer'));
}
