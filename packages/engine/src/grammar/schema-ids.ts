/** Identifies equal schemas without serialising them repeatedly. */
import { isJsonObject } from '@cortex/protocol';
import { type Schema, valueKey } from './schema.ts';

/** Keywords whose value is a schema, a list of schemas, or a map of schemas. */
const HOLDS_SCHEMA = new Set(['items', 'additionalItems', 'additionalProperties', 'propertyNames']);
const HOLDS_LIST = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items']);
const HOLDS_NAMED = new Set(['properties']);

/**
 * A number per meaning. Schemas that differ only in annotations share it.
 *
 * The key of a schema consists of the numbers of its subschemas, so the cost is linear in the size of the tree at any
 * depth.
 */
export class SchemaIds {
  readonly #isAnnotation: (keyword: string) => boolean;
  readonly #known = new WeakMap<object, number>();
  readonly #ids = new Map<string, number>();

  constructor(isAnnotation: (keyword: string) => boolean) {
    this.#isAnnotation = isAnnotation;
  }

  of(schema: Schema): number {
    const known = this.#known.get(schema);
    if (known !== undefined) return known;
    const parts = Object.entries(schema)
      .filter(([keyword]) => !this.#isAnnotation(keyword))
      .map(([keyword, value]) => `${JSON.stringify(keyword)}:${this.#text(keyword, value)}`);
    const text = parts.join(',');
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(text, id);
    }
    this.#known.set(schema, id);
    return id;
  }

  #text(keyword: string, value: unknown): string {
    if (HOLDS_LIST.has(keyword) && Array.isArray(value))
      return `[${value.map((item) => this.#subschema(item)).join(',')}]`;
    if (HOLDS_SCHEMA.has(keyword)) return this.#subschema(value);
    if (HOLDS_NAMED.has(keyword) && isJsonObject(value)) {
      const named = Object.entries(value).map(
        ([name, item]) => `${JSON.stringify(name)}:${this.#subschema(item)}`,
      );
      return `{${named.join(',')}}`;
    }
    return valueKey(value);
  }

  #subschema(value: unknown): string {
    return isJsonObject(value) ? `#${this.of(value)}` : valueKey(value);
  }
}
