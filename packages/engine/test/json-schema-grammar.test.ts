import { CortexError } from '@cortex/protocol';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { documentGrammar } from '../src/grammar/answer-grammar.ts';
import { GbnfSampler } from './gbnf-sampler.ts';

const ajv = new Ajv({ strict: false });
addFormats(ajv);

/** Texts that the grammar of `schema` accepts, some short, some long. */
function texts(schema: object | boolean, count: number): string[] {
  const sampler = new GbnfSampler(documentGrammar(schema, {}));
  return Array.from({ length: count }, (_, i) =>
    sampler.sample(Math.random, i % 3 === 0 ? 15 : 120),
  );
}

function refusal(schema: unknown): string {
  try {
    documentGrammar(schema, {});
  } catch (error) {
    if (error instanceof CortexError && error.code === 'invalid_request') return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

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

/** Without what ajv calls on a value that it compares, as if it were a method. */
const listedValue = fc
  .jsonValue({ maxDepth: 1 })
  .filter((value) => !/"(valueOf|toString|constructor)"/.test(JSON.stringify(value)));

/** Schemas as programs write them: objects of objects, arrays, unions, bounds. */
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

/** A schema that names another one twice. */
const doubled = (to: number): object => ({
  allOf: [{ $ref: `#/$defs/s${to}` }, { $ref: `#/$defs/s${to}` }],
});

describe('JSON Schema as a grammar', () => {
  test.each(SCHEMAS.map((schema) => [JSON.stringify(schema), schema] as const))(
    'what passes is valid for %s',
    (_, schema) => {
      const validate = ajv.compile(schema);
      for (const text of texts(schema, 150))
        expect({ text, errors: validate(JSON.parse(text)) ? null : validate.errors }).toEqual({
          text,
          errors: null,
        });
    },
  );

  test('what passes the grammar of any generated schema is valid for it', () => {
    fc.assert(
      fc.property(generatedSchema, (schema) => {
        const validate = ajv.compile(schema);
        for (const text of texts(schema, 12)) {
          if (!validate(JSON.parse(text)))
            throw new Error(`${text}: ${ajv.errorsText(validate.errors)}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    [{ not: {} }, 'not'],
    [{ type: 'string', pattern: '(?=a)b' }, 'look-ahead'],
    [{ type: 'string', pattern: '(' }, 'unclosed'],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, 'oneOf'],
    [{ type: 'foo' }, 'foo'],
    [{ $ref: '#' }, '$ref'],
    [{ $ref: '#/x' }, '$ref'],
    [{ $ref: 'https://example.com/a.json' }, '$ref'],
    [false, 'no value'],
    [{ patternProperties: {} }, 'patternProperties'],
    [{ type: 'array', uniqueItems: true }, 'uniqueItems'],
    [{ type: 'string', format: 'zzz' }, 'zzz'],
    [{ type: 'object', required: ['a'], additionalProperties: false }, 'no value'],
    [{ minLength: -1 }, 'minLength'],
    [{ $defs: { a: { $anchor: 'a', type: 'null' } }, items: { $ref: '#a' } }, '"$ref" may only'],
    [{ type: 'object', unevaluatedProperties: { type: 'integer' } }, 'unevaluatedProperties'],
    [{ type: 'string', format: 'constructor' }, '"format" names "constructor"'],
    [{ $ref: '#/%zz' }, '"$ref" "#/%zz" points to nothing'],
  ])('%j is refused, naming what cannot be held', (schema, named) => {
    expect(refusal(schema)).toContain(named);
  });

  test('more values than a grammar can hold are refused', () => {
    const values = Array.from({ length: 60_000 }, (_, i) => Bun.hash(String(i)).toString(36));

    expect(refusal({ enum: values })).toContain('too large');
  });

  test('ten thousand branches are refused by their number', () => {
    const branches = Array.from({ length: 10_000 }, (_, i) => ({ const: i }));

    expect(refusal({ anyOf: branches })).toContain('"anyOf" spreads into');
  });

  test('references that double with each step are refused, not followed for hours', () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`s${i}`, doubled(i + 1)]),
    );

    expect(refusal({ $ref: '#/$defs/s0', $defs: { ...$defs, s60: {} } })).toContain('allOf');
  });

  test('a property called like a member of every object is a property', () => {
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
