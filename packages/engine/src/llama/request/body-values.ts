/** Schemas of values in a body, each with an error message that describes the valid values. */
import { z } from 'zod';

/** Many clients send `null` for an absent field. */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);

export function numberFrom(min: number, max: number) {
  const words = `must be a number from ${min} to ${max}`;
  return z.number(words).min(min, words).max(max, words);
}

/** @param max - Absent: no limit. */
export function wholeFrom(min: number, max?: number) {
  const words =
    max === undefined
      ? `must be a whole number of at least ${min}`
      : `must be a whole number from ${min} to ${max}`;
  const whole = z.int(words).min(min, words);
  return max === undefined ? whole : whole.max(max, words);
}

export const flag = z.boolean('must be true or false');

export const text = z.string('must be a string');

const MIN_SEED = -(2n ** 63n);
const MAX_SEED = 2n ** 64n - 1n;
const SEED_WORDS = 'must be a 64-bit integer';

/** 64 bits, signed or unsigned. A JavaScript number has 53 bits, so larger values are strings. */
export const seed = z
  .union([z.int(SEED_WORDS), z.string().regex(/^-?\d{1,20}$/, SEED_WORDS)], SEED_WORDS)
  .transform((value) => BigInt(value))
  .refine((value) => value >= MIN_SEED && value <= MAX_SEED, SEED_WORDS);

/** The number of tokens to generate; -1: no limit. */
export const tokenCount = (min: 0 | 1) =>
  z.int(tokenWords(min)).refine((count) => count === NO_LIMIT || count >= min, tokenWords(min));

export const NO_LIMIT = -1;

const tokenWords = (min: number): string =>
  `must be a whole number of at least ${min}, or -1 for no limit`;
