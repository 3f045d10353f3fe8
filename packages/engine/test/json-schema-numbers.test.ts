/** Numbers within bounds: every number that a validator accepts has a form that the grammar can write. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { nextAbove, nextBelow } from '../src/grammar/decimal.ts';
import { invalidTexts, refusalOf, texts } from './schemas-under-test.ts';

const inObject = (value: object, required: readonly string[] = ['value']) => ({
  type: 'object',
  properties: { value },
  required,
  additionalProperties: false,
});

/** The number of different samples of the grammar of `schema`. */
const variety = (schema: object): number => new Set(texts(schema, 60)).size;

describe('a narrow interval of numbers has values between its ends', () => {
  test.each([
    { exclusiveMinimum: 0, exclusiveMaximum: 0.01 },
    { exclusiveMinimum: 0, exclusiveMaximum: 0.001 },
    { exclusiveMinimum: -0.001, exclusiveMaximum: 0 },
    { exclusiveMinimum: 1.5, exclusiveMaximum: 1.51 },
    { minimum: 0, maximum: 0.01 },
    { exclusiveMinimum: 0, maximum: 1e-12 },
    { minimum: 1e-12, exclusiveMaximum: 2e-12 },
    { exclusiveMinimum: 0, exclusiveMaximum: 1e-300 },
    { exclusiveMinimum: -3e-7, exclusiveMaximum: -1e-7 },
    { exclusiveMinimum: 123456.789, exclusiveMaximum: 123456.78901 },
    { exclusiveMinimum: 0.1, exclusiveMaximum: 0.1 + 2 ** -50 },
  ])('%j', (bounds) => {
    const schema = { type: 'number', ...bounds };

    expect(invalidTexts(schema, 100)).toEqual([]);
    expect(variety(schema)).toBeGreaterThan(10);
  });
});

test.each([
  { minimum: 0.1234567890123, maximum: 0.1234567890123 },
  { minimum: 5, maximum: 5 },
  { exclusiveMinimum: 0, exclusiveMaximum: 1e-323 },
])('the interval %j, which contains a single number, allows that number', (bounds) => {
  expect(invalidTexts({ type: 'number', ...bounds }, 20)).toEqual([]);
});

test('some samples contain an optional property with a narrow interval', () => {
  const bounds = { exclusiveMinimum: 0, exclusiveMaximum: 0.001 };
  const written = texts(inObject({ type: 'number', ...bounds }, []), 60);

  expect(written.some((text) => text.includes('value'))).toBe(true);
});

test.each([
  { type: 'number', exclusiveMinimum: 1, exclusiveMaximum: 1 },
  { type: 'number', minimum: 2, maximum: 1 },
  { type: 'number', exclusiveMinimum: 0.1, exclusiveMaximum: nextAbove(0.1) },
  { type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 1 },
])('a number schema that no number satisfies is refused: %j', (schema) => {
  expect(refusalOf(inObject(schema))).toContain('allows no value');
});

const bound = fc.oneof(
  fc.integer({ min: -20, max: 20 }),
  fc.integer({ min: -2000, max: 2000 }).map((n) => n / 1000),
  fc.tuple(fc.integer({ min: -99, max: 99 }), fc.nat(15)).map(([n, e]) => n * 10 ** -e),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
);

const name = {
  low: fc.constantFrom('minimum', 'exclusiveMinimum'),
  high: fc.constantFrom('maximum', 'exclusiveMaximum'),
};

/** Both ends of an interval, often close together. */
const interval = fc
  .tuple(
    bound,
    fc.oneof(
      bound,
      fc.nat(15).map((e) => 10 ** -e),
    ),
    name.low,
    name.high,
  )
  .map(([a, b, low, high]) => ({ low, high, from: Math.min(a, a + b), to: Math.max(a, a + b) }));

test('every number of the grammar of an interval is valid, and only an empty interval is refused', () => {
  fc.assert(
    fc.property(interval, ({ low, high, from, to }) => {
      const schema = { type: 'number', [low]: from, [high]: to };
      const first = low === 'minimum' ? from : nextAbove(from);
      const last = high === 'maximum' ? to : nextBelow(to);
      if (first > last) expect(refusalOf(schema)).toContain('allows no value');
      else expect(invalidTexts(schema, 12)).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

describe('multipleOf', () => {
  test.each([
    { type: 'number', multipleOf: 0.1, minimum: 0, maximum: 1 },
    { type: 'number', multipleOf: 0.01, exclusiveMinimum: 0, maximum: 5 },
    { type: 'number', multipleOf: 1e-9, minimum: 0, maximum: 1e-7 },
    { type: 'number', multipleOf: 0.001, exclusiveMinimum: -0.5, exclusiveMaximum: 0 },
    { type: 'number', multipleOf: 2 ** -10 },
    { type: 'number', multipleOf: 2 ** -9, minimum: 0 },
    { type: 'integer', multipleOf: 0.5, minimum: 0, maximum: 40 },
    { type: 'integer', multipleOf: 997, minimum: 1, maximum: 5000 },
  ])('is enforced if its multiples are few or exact doubles: %j', (schema) => {
    expect(invalidTexts(schema, 60)).toEqual([]);
    expect(variety(schema)).toBeGreaterThan(3);
  });

  test('without a multiple within the bounds allows no value', () => {
    const schema = { type: 'number', multipleOf: 0.1, minimum: 0.11, maximum: 0.19 };

    expect(refusalOf(schema)).toContain('allows no value');
  });

  test('is refused by name if validators reject some of its many multiples', () => {
    expect(refusalOf({ type: 'number', multipleOf: 0.01 })).toContain('"multipleOf" is 0.01');
    expect(refusalOf({ type: 'number', multipleOf: 0.01, minimum: 0 })).toContain('"multipleOf"');
  });

  test('is enforced with any bounds, or refused by name', () => {
    const step = fc.oneof(
      fc.constantFrom(0.5, 0.25, 2, 3, 7, 10, 0.125),
      fc.tuple(fc.integer({ min: 1, max: 30 }), fc.nat(6)).map(([n, e]) => n / 10 ** e),
    );
    fc.assert(
      fc.property(interval, step, ({ low, high, from, to }, multipleOf) => {
        const schema = { type: 'number', [low]: from, [high]: to, multipleOf };
        const refusal = refusalOf(schema);
        if (refusal === undefined) expect(invalidTexts(schema, 8)).toEqual([]);
        else expect(refusal).toMatch(/"multipleOf"|allows no value/);
      }),
      { numRuns: 150 },
    );
  });
});
