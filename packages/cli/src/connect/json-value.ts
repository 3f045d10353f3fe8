/** Settings as data, before they are written in the format of a file. */
export type JsonObject = { readonly [key: string]: JsonValue };
export type JsonValue = string | number | boolean | JsonObject | readonly JsonValue[];

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
