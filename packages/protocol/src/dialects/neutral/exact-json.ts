import { z } from 'zod';

import { isJsonObject, type JsonObject } from '../../json/json-object.ts';

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

interface ExactJson {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ECMAScript's proposal "JSON.parse source text access", which Bun has and the types of TypeScript do not
const exactJson = JSON as unknown as ExactJson;

/**
 * What may be a number that JavaScript spells in another way: one of more than 15 digits, with an exponent or a last zero
 * behind its point, below 1e-6, or -0. Text in a string can look the same.
 */
const ODD_NUMBER =
  /[[:,][ \t\r\n]*-?(?:\d{16}|[\d.]{17}|0\.000000|\d+\.\d*0(?!\d)|\d+(?:\.\d+)?[eE]|(?<=-)0(?![\d.]))/;

/**
 * Parses JSON so that `JSON.stringify` writes every number as it was spelled: ids above 2^53 keep all digits, 1.0 stays
 * 1.0. Such a number is an opaque object here; `toNumber` reads it. Text without one takes a fifth of the time.
 *
 * @throws SyntaxError for other text
 */
export const parseExactly = (text: string): unknown =>
  ODD_NUMBER.test(text)
    ? exactJson.parse(text, (_, value, { source }) =>
        typeof value === 'number' && source !== undefined && source !== String(value)
          ? exactJson.rawJSON(source)
          : value,
      )
    : JSON.parse(text);

/** A number that `parseExactly` has kept, as a number; any other value as it is. */
export const toNumber = (value: unknown): unknown =>
  exactJson.isRawJSON(value) ? Number(value.rawJSON) : value;

/** As `isJsonObject`, for values of `parseExactly`: a number is not an object. */
export const isExactObject = (value: unknown): value is JsonObject =>
  isJsonObject(value) && !exactJson.isRawJSON(value);

/** The schema of `isExactObject`. */
export const ExactObject = z.custom<JsonObject>(isExactObject, 'must be an object');

/** Numbers of `parseExactly`, as numbers. */
export const exactNumber = z.preprocess(toNumber, z.number('must be a number'));
export const exactInt = z.preprocess(toNumber, z.int('must be a whole number'));

const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

function isInt64(value: unknown): boolean {
  const text = exactJson.isRawJSON(value) ? value.rawJSON : String(value);
  if (typeof value === 'string' || !/^-?\d{1,20}$/.test(text)) return false;
  const number = BigInt(text);
  return number >= MIN_INT64 && number <= MAX_UINT64;
}

const toSafeInteger = (value: unknown): unknown =>
  Number.isSafeInteger(toNumber(value)) ? toNumber(value) : value;

/** A whole number of 64 bits, signed or not. One above the safe integers stays as it is, so that its JSON has all digits. */
export const exactInt64 = z.preprocess(
  toSafeInteger,
  z.unknown().refine(isInt64, 'must be a whole number of 64 bits'),
);

/** A whole number from `min` on. */
export const exactIntFrom = (min: number) =>
  z.preprocess(toNumber, z.int('must be a whole number').min(min, `must be at least ${min}`));

/**
 * As `parseExactly`, for text that should be an object; undefined for any other.
 */
export function parseExactObject(text: string): JsonObject | undefined {
  try {
    const value = parseExactly(text);
    return isExactObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
