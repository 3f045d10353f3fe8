import { CortexError, isJsonObject, readShape } from '@cortex/protocol';
import type { z } from 'zod';

const decoder = new TextDecoder('utf-8', { fatal: true });

const isInfinite = (value: unknown): boolean => value === Infinity || value === -Infinity;

/**
 * Refuses numbers that are read as infinity, which their next JSON form would turn into null: those of the body and of
 * the objects directly in it, because a walk through a large body would take too long.
 *
 * @throws CortexError `invalid_request`
 */
function refuseInfinity(body: Readonly<Record<string, unknown>>): void {
  const paths = Object.entries(body).flatMap(([name, value]): readonly string[] => {
    if (isInfinite(value)) return [name];
    if (!isJsonObject(value)) return [];
    const inner = Object.keys(value).filter((key) => isInfinite(value[key]));
    return inner.map((key) => `${name}.${key}`);
  });
  const [param] = paths;
  if (param !== undefined)
    throw new CortexError('invalid_request', `"${param}" is too large a number.`, { param });
}

/** Parses a body that must be a JSON object. @throws CortexError `malformed_json`, or `invalid_request` */
export function parseJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let text: string;
  let value: unknown;
  try {
    text = decoder.decode(bytes);
  } catch (error) {
    throw new CortexError('malformed_json', 'The body is not valid UTF-8.', { cause: error });
  }
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CortexError('malformed_json', 'The body is not valid JSON.', { cause: error });
  }
  if (!isJsonObject(value))
    throw new CortexError('malformed_json', 'The body must be a JSON object.');
  refuseInfinity(value);
  return value;
}

/**
 * `body`, which was read from `bytes`, with a seed above the safe integers kept as the original digits, because
 * seeds have 64 bits.
 */
export function withExactSeed(
  body: Readonly<Record<string, unknown>>,
  bytes: Uint8Array,
): Readonly<Record<string, unknown>> {
  const { seed } = body;
  if (typeof seed !== 'number' || !Number.isInteger(seed) || Number.isSafeInteger(seed))
    return body;
  const digits = new Map<unknown, string | undefined>();
  function note(
    this: unknown,
    key: string,
    value: unknown,
    context?: { readonly source?: string },
  ): unknown {
    if (key === 'seed') digits.set(this, context?.source);
    return value;
  }
  const again: unknown = JSON.parse(decoder.decode(bytes), note);
  return { ...body, seed: digits.get(again) ?? seed };
}

/** Parses a body with `schema`. @throws CortexError `invalid_request` naming the member as `param` */
export const parseBody = <T>(body: Readonly<Record<string, unknown>>, schema: z.ZodType<T>): T =>
  readShape(schema, body);

/**
 * Parses the fields of a management call.
 *
 * @throws CortexError `invalid_request` naming the member as `param`, also for a name that the schema of a table
 * (`params`) would drop
 */
export function parseFields<T>(fields: Readonly<Record<string, unknown>>, schema: z.ZodType<T>): T {
  for (const [name, table] of Object.entries(fields)) {
    if (!isJsonObject(table) || !Object.hasOwn(table, '__proto__')) continue;
    const param = `${name}.__proto__`;
    throw new CortexError('invalid_request', `"${param}" is not a known field.`, { param });
  }
  return parseBody(fields, schema);
}

/** Parses the body of a management call. @throws CortexError as `parseJsonObject` and `parseFields` */
export const parseCall = <T>(bytes: Uint8Array, schema: z.ZodType<T>): T =>
  parseFields(parseJsonObject(bytes), schema);
