import { z } from 'zod';

/** A JSON object whose members are not validated yet: a body, a schema or an event. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for an object, false for an array, `null` and plain values. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schema of `isJsonObject`. It keeps every member; `z.record` would drop one with the name `__proto__`. */
export const JsonObjectShape = z.custom<JsonObject>(isJsonObject, 'must be an object');
