import { z } from 'zod';

import { formatKeyPath, isTree, type KeyPath } from './key-path.ts';

type Schema = z.core.$ZodType;

/** `schema` without its wrappers (optional, default, nullable and the like). */
function unwrap(schema: Schema): Schema {
  let inner = schema;
  for (;;) {
    if (
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodReadonly ||
      inner instanceof z.ZodCatch ||
      inner instanceof z.ZodNonOptional
    ) {
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodPipe) {
      // The operator writes the input side.
      inner = inner.def.in;
    } else if (inner instanceof z.ZodLazy) {
      inner = inner.def.getter();
    } else return inner;
  }
}

/** The schemas below `schema` by key, if it is a table with known keys. */
function shapeOf(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  const inner = unwrap(schema);
  return inner instanceof z.ZodObject ? inner.def.shape : undefined;
}

/** All alternatives of a union; the schema itself if it is not a union. */
function alternatives(schema: Schema): Schema[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion)
    return inner.def.options.flatMap((option) => alternatives(option));
  return [inner];
}

/** The schema below `schema` at one key or array index; undefined if there is none. */
function childSchema(schema: Schema, part: string | number): Schema | undefined {
  for (const option of alternatives(schema)) {
    if (typeof part === 'number') {
      if (option instanceof z.ZodArray) return option.def.element;
      continue;
    }
    const shape = shapeOf(option);
    // Only own members count: `constructor` is not a key although every object has it.
    if (shape !== undefined && Object.hasOwn(shape, part)) return shape[part];
    if (option instanceof z.ZodRecord) return option.def.valueType;
  }
  return undefined;
}

/** The schema at `path`; undefined if there is no such key. */
export function schemaAt(schema: Schema, path: KeyPath): Schema | undefined {
  let found: Schema | undefined = schema;
  for (const part of path) {
    if (found === undefined) return undefined;
    found = childSchema(found, part);
  }
  return found;
}

/** The keys known directly below `path`. */
export function keysAt(schema: Schema, path: KeyPath): string[] {
  const found = schemaAt(schema, path);
  if (found === undefined) return [];
  return alternatives(found).flatMap((option) => Object.keys(shapeOf(option) ?? {}));
}

/** How an environment variable or flag for `schema` is parsed: as plain text, as TOML, or as TOML if it is valid. */
export function textKind(schema: Schema): 'text' | 'toml' | 'either' {
  const kinds = new Set(
    alternatives(schema).map((option) => {
      if (option instanceof z.ZodString || option instanceof z.ZodStringFormat) return 'text';
      if (option instanceof z.ZodEnum || option instanceof z.ZodTemplateLiteral) return 'text';
      if (option instanceof z.ZodLiteral)
        return option.def.values.every((value) => typeof value === 'string') ? 'text' : 'toml';
      return 'toml';
    }),
  );
  if (kinds.size > 1) return 'either';
  return kinds.has('text') ? 'text' : 'toml';
}

/** One key of a configuration, as the reference lists it. */
export interface ConfigKey {
  /** Dotted; `[]` means an element of an array, `*` a name that the operator chooses. */
  readonly key: string;
  /** For example `text`, `whole number`, `"lru" or "priority"`. */
  readonly type: string;
  /** Absent if there is none; see `isRequired`. */
  readonly default?: unknown;
  readonly isRequired: boolean;
  /** Absent if the schema has none. */
  readonly description?: string | undefined;
}

interface Wrapping {
  readonly default: { readonly value: unknown } | undefined;
  readonly isOptional: boolean;
  readonly description: string | undefined;
}

/** Default, optionality and description from the wrappers of a schema. */
function wrappingOf(schema: Schema): Wrapping {
  let inner = schema;
  let found: { readonly value: unknown } | undefined;
  let isOptional = false;
  let description: string | undefined;
  for (;;) {
    description ??= z.globalRegistry.get(inner)?.description;
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
      found ??= { value: inner.def.defaultValue };
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodOptional) {
      isOptional = true;
      inner = inner.def.innerType;
    } else if (
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodReadonly ||
      inner instanceof z.ZodCatch ||
      inner instanceof z.ZodNonOptional
    ) {
      inner = inner.def.innerType;
    } else if (inner instanceof z.ZodPipe) {
      inner = inner.def.in;
    } else return { default: found, isOptional, description };
  }
}

function wordsFor(option: Schema): string {
  if (option instanceof z.ZodNumberFormat) return 'whole number';
  if (option instanceof z.ZodNumber) return 'number';
  if (option instanceof z.ZodBoolean) return 'true or false';
  if (option instanceof z.ZodEnum)
    return option.options.map((value) => JSON.stringify(value)).join(' or ');
  if (option instanceof z.ZodLiteral)
    return option.def.values.map((value) => JSON.stringify(value)).join(' or ');
  if (option instanceof z.ZodArray) return `list of ${toPlural(typeInWords(option.def.element))}`;
  if (option instanceof z.ZodObject || option instanceof z.ZodRecord) return 'table';
  if (option instanceof z.ZodString || option instanceof z.ZodStringFormat) return 'text';
  return 'value';
}

/** `text` and enumerated values have no plural. */
const toPlural = (type: string): string => type.replace(/\b(?:table|number|value)\b/g, '$&s');

/** The type of a key in words, for the reference. */
function typeInWords(schema: Schema): string {
  return [...new Set(alternatives(schema).map(wordsFor))].join(' or ');
}

/** The type with its article: `a whole number or "auto"`. */
export function typePhrase(schema: Schema): string {
  return typeInWords(schema).replace(/(^| or )(?=number|whole number|list|table|value)/g, '$1a ');
}

/** A hint for a single text where a list of texts is expected; empty in all other cases. */
export function listHint(schema: Schema, given: unknown): string {
  if (typeof given !== 'string' || typeInWords(schema) !== 'list of text') return '';
  return given === '' ? ': write []' : `: write ${JSON.stringify([given])}`;
}

/**
 * The TOML header to write when `given` is one table instead of a list of tables, or the reverse; undefined in all
 * other cases.
 */
export function headerHint(schema: Schema, given: unknown, path: KeyPath): string | undefined {
  const type = typeInWords(schema);
  const name = formatKeyPath(path.filter((part) => typeof part === 'string'));
  if (type === 'list of tables' && isTree(given)) return `[[${name}]]`;
  const isList = Array.isArray(given) && given.length > 0 && given.every(isTree);
  return type === 'table' && isList ? `[${name}]` : undefined;
}

function* listBelow(schema: Schema, path: string): Generator<ConfigKey> {
  for (const option of alternatives(schema)) {
    const shape = shapeOf(option);
    if (shape !== undefined) {
      for (const [name, child] of Object.entries(shape))
        yield* listKey(child, `${path}${path === '' ? '' : '.'}${formatKeyPath([name])}`);
    } else if (option instanceof z.ZodArray) {
      yield* listBelow(option.def.element, `${path}[]`);
    } else if (option instanceof z.ZodRecord) {
      const key = `${path}.*`;
      const isTable = shapeOf(option.def.valueType) !== undefined;
      if (!isTable) yield { key, type: typeInWords(option.def.valueType), isRequired: false };
      yield* listBelow(option.def.valueType, key);
    }
  }
}

function* listKey(schema: Schema, key: string): Generator<ConfigKey> {
  const wrapping = wrappingOf(schema);
  const hasKnownKeys = shapeOf(schema) !== undefined;
  if (!hasKnownKeys || wrapping.description !== undefined) {
    const isSection = hasKnownKeys && isTree(wrapping.default?.value);
    yield {
      key,
      type: typeInWords(schema),
      isRequired: wrapping.default === undefined && !wrapping.isOptional,
      ...(wrapping.default !== undefined && !isSection && { default: wrapping.default.value }),
      description: wrapping.description,
    };
  }
  yield* listBelow(schema, key);
}

/** Every key of a configuration with type, default and description, in the order of the schema. */
export function listConfigKeys(schema: z.ZodType): ConfigKey[] {
  return [...listBelow(schema, '')];
}

/** The JSON Schema (2020-12) of the configuration file, for editors. */
export function configJsonSchema(schema: z.ZodType): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) };
}
