import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { invalidTexts, mixedSchema, refusalOf, texts } from './schemas-under-test.ts';

const SCHEMAS: readonly (object | boolean)[] = [
  true,
  {},
  { type: ['string', 'null'], maxLength: 3 },
  { type: 'string', nullable: true, minLength: 1 },
  { const: 'a"b\n' },
  { enum: [1, 2, 3], minimum: 2 },
  { type: 'integer', minimum: 37 },
  { type: 'integer', maximum: -99 },
  { type: 'integer', minimum: 2e15 },
  { type: 'integer', maximum: -2e15 },
  { type: 'integer', minimum: -5, maximum: 130 },
  { type: 'number', minimum: 0.2, maximum: 0.55 },
  { type: 'number', exclusiveMinimum: -3.25, exclusiveMaximum: 1001 },
  { type: 'string', minLength: 2, maxLength: 300 },
  { type: 'string', pattern: String.raw`^[A-Z]{2,3}-\d+(\.\d+)?$` },
  { type: 'string', pattern: String.raw`foo|^ba[rz"\\]$` },
  { type: 'string', pattern: '[^a-y"]{3}' },
  ...[
    'date',
    'time',
    'date-time',
    'duration',
    'uuid',
    'email',
    'hostname',
    'ipv4',
    'ipv6',
    'uri',
  ].map((format) => ({
    type: 'string',
    format,
  })),
  ...[
    'idn-email',
    'idn-hostname',
    'iri',
    'iri-reference',
    'uri-reference',
    'uri-template',
    'url',
  ].map((format) => ({ type: 'string', format })),
  ...['json-pointer', 'relative-json-pointer', 'json-pointer-uri-fragment', 'regex', 'byte'].map(
    (format) => ({ type: 'string', format }),
  ),
  ...['iso-time', 'iso-date-time', 'password', 'zzz', 'constructor'].map((format) => ({
    type: 'string',
    format,
  })),
  ...['int32', 'int64', 'float', 'double'].map((format) => ({ type: 'number', format })),
  { type: 'number', minimum: -3.4e38, maximum: 3.4e38 },
  ...[1, 2, 3, 5, 7, 10, 12, 60, 100, 1000, 2500, 1e6].map((multipleOf) => ({
    type: 'integer',
    multipleOf,
  })),
  ...[0.5, 0.25, 1.5, 3, 100].map((multipleOf) => ({ type: 'number', multipleOf })),
  { type: 'integer', multipleOf: 7, minimum: -40, maximum: 100 },
  { type: 'number', multipleOf: 0.125, minimum: -0.6, exclusiveMaximum: 3 },
  { type: 'integer', multipleOf: 30, minimum: 1, maximum: 59 },
  { type: 'integer', allOf: [{ multipleOf: 4 }, { multipleOf: 6 }] },
  { type: 'string', allOf: [{ pattern: '^a.*' }, { pattern: '.*b$' }, { pattern: 'cc' }] },
  { type: 'string', pattern: '^[a-z]+$', minLength: 3, maxLength: 5 },
  { type: 'string', pattern: '^(?!admin)(?=.*[0-9])[a-z0-9]{4,12}$' },
  { type: 'string', pattern: '(?:^|-)x(?:$|-)' },
  ...[100, 255, 2083].flatMap((maxLength) =>
    ['uri', 'iri', 'url', 'email', 'uri-reference'].map((format) => ({
      format,
      minLength: 1,
      maxLength,
    })),
  ),
  { type: 'string', pattern: '^(?:[a-z]+ )*[a-z]+$', maxLength: 8000 },
  ...['^[a-z]*$', '^# ', '^a.*', 'z.$', '^x[ab]{2}[cd]*y$', '^a?b*', '[ab]+', 'ab', '.*b$'].map(
    (pattern) => ({
      type: 'string',
      pattern,
      minLength: 70,
      maxLength: 900,
    }),
  ),
  { type: 'string', format: 'email', pattern: String.raw`@example\.com$` },
  { type: 'object', propertyNames: { pattern: '^x-' }, additionalProperties: { type: 'integer' } },
  {
    type: 'object',
    properties: { 'x-a': { type: 'string' }, b: { type: 'null' } },
    propertyNames: { minLength: 2, pattern: '^x-' },
    additionalProperties: { type: 'integer' },
  },
  {
    propertyNames: { enum: ['a', 'b', 'c'] },
    properties: { a: { type: 'string' } },
    additionalProperties: { type: 'integer' },
    required: ['b'],
  },
  {
    propertyNames: { anyOf: [{ const: 'id' }, { pattern: '^n\\d$' }] },
    additionalProperties: true,
  },
  { type: 'array', items: { enum: [1, 'x', null, { z: 1 }] }, minItems: 1, maxItems: 3 },
  {
    type: 'array',
    prefixItems: [{ type: 'string' }, { type: 'integer' }],
    items: false,
    minItems: 2,
  },
  { type: 'array', prefixItems: [{ type: 'string' }], items: { type: 'null' } },
  { type: 'object', additionalProperties: { type: 'integer' }, minProperties: 1, maxProperties: 3 },
  {
    type: 'object',
    properties: { foo: { type: 'integer' }, fob: { type: 'string' }, '': { type: 'null' } },
    additionalProperties: true,
  },
  {
    $defs: {
      node: {
        type: 'object',
        properties: {
          value: { type: 'string' },
          next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
        },
        required: ['value', 'next'],
      },
    },
    $ref: '#/$defs/node',
  },
  {
    oneOf: [
      {
        type: 'object',
        properties: { kind: { const: 'a' }, x: { type: 'integer' } },
        required: ['kind', 'x'],
      },
      {
        type: 'object',
        properties: { kind: { const: 'b' }, y: { type: 'string' } },
        required: ['kind'],
      },
    ],
  },
  { enum: [1, 2, 3], multipleOf: 2 },
  { enum: ['abc', 'bcd'], pattern: '^a' },
  { enum: [[], [1], [1, 1]], minItems: 1, uniqueItems: true },
  { enum: [{ a: 1 }, { a: 'x' }, {}], properties: { a: { type: 'string' } }, minProperties: 1 },
  { allOf: [{ enum: [{ a: 1 }, { b: 1 }] }, { required: ['b'] }] },
  { allOf: [{ enum: [{ a: 1, b: 2 }] }, { enum: [{ b: 2, a: 1 }] }] },
  {
    allOf: [
      { type: 'array', prefixItems: [{ type: ['string', 'integer'] }], minItems: 2 },
      { items: { type: ['integer', 'null'] } },
    ],
  },
  {
    properties: { a: { type: 'string' } },
    allOf: [{ properties: { b: { type: 'integer' } }, required: ['b'] }],
    unevaluatedProperties: false,
  },
  {
    allOf: [{ properties: { a: { type: 'string' } }, unevaluatedProperties: false }],
    properties: { a: { minLength: 2 }, b: { type: 'string' } },
  },
  { type: 'object', properties: { a: {} }, unevaluatedProperties: { type: 'integer' } },
  {
    allOf: [
      { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
      {
        properties: { b: { type: 'string', format: 'date-time' }, a: { minimum: 3 } },
        required: ['b'],
      },
    ],
  },
];

/** JSON values without members that ajv would call as methods when it compares values. */
const listedValue = fc
  .jsonValue({ maxDepth: 1 })
  .filter((value) => !/"(valueOf|toString|constructor)"/.test(JSON.stringify(value)));

/** Schemas as client programs write them: nested objects, arrays, unions, bounds. */
const generatedSchema = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.record({
      type: fc.constant('string'),
      minLength: fc.nat(4),
      maxLength: fc.integer({ min: 4, max: 90 }),
    }),
    fc.record({
      type: fc.constantFrom('integer', 'number'),
      minimum: fc.integer({ min: -500, max: 0 }),
      maximum: fc.integer({ min: 0, max: 99_999 }),
    }),
    fc.record({
      type: fc.constant('number'),
      exclusiveMinimum: fc.integer({ min: -50, max: 50 }).map((n) => n / 8),
    }),
    fc.record({ type: fc.constantFrom('boolean', 'null') }),
    fc.record({ enum: fc.array(listedValue, { minLength: 1, maxLength: 4 }) }),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
    fc.record({
      type: fc.constant('array'),
      items: tie('schema'),
      minItems: fc.nat(2),
      maxItems: fc.integer({ min: 2, max: 70 }),
    }),
    fc
      .record({
        properties: fc.dictionary(
          fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
          tie('schema'),
          { maxKeys: 4 },
        ),
        isOpen: fc.boolean(),
        pick: fc.nat(15),
      })
      .map(({ properties, isOpen, pick }) => ({
        type: 'object',
        properties,
        required: Object.keys(properties).filter((_, i) => (pick >> i) & 1),
        additionalProperties: isOpen,
      })),
  ),
})).schema;

/** A schema that refers twice to another one. */
const doubled = (to: number): object => ({
  allOf: [{ $ref: `#/$defs/s${to}` }, { $ref: `#/$defs/s${to}` }],
});

describe('the grammar of a JSON schema', () => {
  test.each(SCHEMAS.map((schema) => [JSON.stringify(schema), schema] as const))(
    'accepts only valid documents for %s',
    (_, schema) => {
      expect(invalidTexts(schema, 150)).toEqual([]);
    },
  );

  test('accepts only valid documents for generated schemas', () => {
    fc.assert(
      fc.property(generatedSchema, (schema) => expect(invalidTexts(schema, 12)).toEqual([])),
      { numRuns: 300 },
    );
  });

  test('accepts only valid documents for random combinations of keywords', () => {
    let held = 0;
    fc.assert(
      fc.property(mixedSchema, (schema) => {
        if (refusalOf(schema) !== undefined) return;
        held++;
        expect(invalidTexts(schema, 6)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
    expect(held).toBeGreaterThan(500);
  });

  test.each([
    [{ not: { type: 'string' } }, 'not'],
    [{ type: 'string', pattern: '(?<=a)b' }, 'look-behind'],
    [{ type: 'string', pattern: '(?:(?=a)a|b)*' }, 'look-ahead that is repeated'],
    [{ type: 'string', pattern: '(?=a)b' }, 'no value'],
    [{ not: {} }, 'no value'],
    [{ type: 'string', pattern: '(' }, 'unclosed'],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, 'oneOf'],
    [{ type: 'foo' }, 'foo'],
    [{ $ref: '#' }, '$ref'],
    [{ $ref: '#/x' }, '$ref'],
    [{ $ref: 'https://example.com/a.json' }, '$ref'],
    [false, 'no value'],
    [{ patternProperties: {} }, 'patternProperties'],
    [{ type: 'array', uniqueItems: true }, 'uniqueItems'],
    [{ format: 'date', pattern: '^a' }, '"format" is "date"'],
    [{ enum: ['abc'], format: 'date' }, '"format" cannot be checked for the listed value "abc"'],
    [{ allOf: [{ format: 'date' }, { format: 'uuid' }] }, '"format" has several values'],
    [{ type: 'number', multipleOf: 0.01 }, '"multipleOf" is 0.01'],
    [{ type: 'integer', multipleOf: 997 }, '"multipleOf"'],
    [{ type: 'integer', multipleOf: -1 }, '"multipleOf" must be'],
    [{ type: 'object', required: ['a'], additionalProperties: false }, 'no value'],
    [{ minLength: -1 }, 'minLength'],
    [{ $defs: { a: { $anchor: 'a', type: 'null' } }, items: { $ref: '#a' } }, '"$ref" must point'],
    [{ $ref: '#/%zz' }, '"$ref" "#/%zz" does not exist'],
  ])('refuses %j by the keyword that it cannot enforce', (schema, named) => {
    expect(refusalOf(schema)).toContain(named);
  });

  test.each([
    // The grammar may write "k" although the first branch does not declare it.
    {
      oneOf: [
        { properties: { a: { type: 'integer' } }, required: ['k', 'a'] },
        { properties: { b: { type: 'integer' } }, required: ['k'] },
      ],
    },
    // The keywords outside the branches add members that the branches do not declare.
    {
      additionalProperties: true,
      anyOf: [{ oneOf: [{ properties: { a: { type: 'integer' } } }, { required: ['z'] }] }],
    },
    { oneOf: [{ const: { a: 1, b: 2 } }, { const: { b: 2, a: 1 } }] },
  ])('refuses a oneOf whose branches may both be valid: %j', (schema) => {
    expect(refusalOf(schema)).toContain('"oneOf" has branches');
  });

  test.each([
    { oneOf: [{ const: 'a' }, { type: 'string', pattern: '^b+$' }] },
    {
      oneOf: [
        { properties: { k: { const: 1 } }, required: ['k'] },
        { properties: { k: { const: 2 } }, required: ['k'] },
      ],
    },
    {
      properties: { k: { type: 'string' } },
      required: ['k'],
      oneOf: [{ properties: { k: { enum: ['a', 'b'] } } }, { properties: { k: { const: 'c' } } }],
    },
  ])('enforces a oneOf whose branches differ in their values: %j', (schema) => {
    expect(invalidTexts(schema, 60)).toEqual([]);
  });

  test('refuses a schema whose keywords contradict each other because it allows no value', () => {
    const closed = { properties: { a: { type: 'string' } }, unevaluatedProperties: false };
    const tuple = { type: 'array', prefixItems: [{ type: 'string' }], minItems: 1 };

    expect(refusalOf({ allOf: [closed, { required: ['b'] }] })).toContain('no value');
    expect(refusalOf({ allOf: [tuple, { items: { type: 'integer' } }] })).toContain('no value');
  });

  test('refuses more listed values than a grammar can contain', () => {
    const values = Array.from({ length: 60_000 }, (_, i) => Bun.hash(String(i)).toString(36));

    expect(refusalOf({ enum: values })).toContain('too large');
  });

  test('refuses ten thousand branches by their number', () => {
    const branches = Array.from({ length: 10_000 }, (_, i) => ({ const: i }));

    expect(refusalOf({ anyOf: branches })).toContain('"anyOf" expands to');
  });

  test('refuses references that double at each level, in time', () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`s${i}`, doubled(i + 1)]),
    );

    expect(refusalOf({ $ref: '#/$defs/s0', $defs: { ...$defs, s60: {} } })).toContain('allOf');
  });

  test('treats a property named like a member of Object.prototype as a property', () => {
    const properties: object = JSON.parse(
      '{"__proto__": {"const": 1}, "constructor": {"const": 2}}',
    );
    const schema = {
      allOf: [
        { type: 'object', properties, required: ['__proto__', 'constructor'] },
        { properties: { other: { const: 3 } }, required: ['other'] },
      ],
    };

    for (const text of texts(schema, 10)) {
      const entries = Object.entries(JSON.parse(text));
      expect(entries).toEqual([
        ['__proto__', 1],
        ['constructor', 2],
        ['other', 3],
      ]);
    }
  });
});
