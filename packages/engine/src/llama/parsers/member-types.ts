import { isJsonObject } from '@cortex/protocol';

import { asSchema, jsonType, type Schema } from '../../grammar/schema.ts';
import { flatten } from '../../grammar/schema-merge.ts';

/** The JSON types of a value by its schema and, if the schema lists them, its values. */
export interface ValueType {
  readonly types: ReadonlySet<string>;
  readonly values: readonly unknown[] | undefined;
}

/** The types that a schema allows for the members of an object. */
export class MemberTypes {
  readonly #root: Schema;
  readonly #known = new Map<string, ValueType | undefined>();

  /** @param schema - JSON schema of the object; anything else: the types are unknown. */
  constructor(schema: unknown) {
    this.#root = isJsonObject(schema) ? schema : {};
  }

  /** Undefined if the schema states no type, or in an unsupported way. */
  of(key: string): ValueType | undefined {
    if (!this.#known.has(key)) this.#known.set(key, readType(this.#root, key));
    return this.#known.get(key);
  }

  /** Declared keys, in the order of the schema. */
  get keys(): readonly string[] {
    const properties = this.#root['properties'];
    return isJsonObject(properties) ? Object.keys(properties) : [];
  }

  /** Whether the schema allows only values of `type` for `key`. */
  isOnly(key: string, type: string): boolean {
    const types = this.of(key)?.types;
    return types !== undefined && [...types].every((one) => one === type);
  }

  /** Whether the schema allows no list (`[`) or no object (`{`) for `key`. */
  excludes(key: string | undefined, bracket: '[' | '{'): boolean {
    const types = key === undefined ? undefined : this.of(key)?.types;
    return types !== undefined && !types.has(bracket === '{' ? 'object' : 'array');
  }

  /** The JSON of a number in another notation, such as `007`, `+1.5` or `0x1F`, if the schema allows no string. */
  number(key: string, text: string): string | undefined {
    const type = this.of(key);
    if (type === undefined || type.types.has('string')) return undefined;
    const json = jsonNumber(text);
    return json !== undefined && isOf(JSON.parse(json), type) ? json : undefined;
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

/** Whether `value` has `type`; an unknown type allows every value. */
export function isOf(value: unknown, type: ValueType | undefined): boolean {
  if (type === undefined) return true;
  if (type.values !== undefined)
    return type.values.some((one) => JSON.stringify(one) === JSON.stringify(value));
  const name = jsonType(value);
  return type.types.has(name) || (Number.isInteger(value) && type.types.has('integer'));
}
