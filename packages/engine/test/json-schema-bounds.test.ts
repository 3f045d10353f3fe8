import { describe, expect, test } from 'bun:test';

import { GrammarRules } from '../src/grammar/grammar-rules.ts';
import { jsonSchemaRule } from '../src/grammar/json-schema.ts';
import { refusalOf } from './schemas-under-test.ts';

/** Generous for a shared machine: with the limits a conversion takes a fraction, without them it took minutes. */
const TIMEOUT_MS = 5_000;

const list = <T>(length: number, make: (i: number) => T): T[] =>
  Array.from({ length }, (_, i) => make(i));

const properties = (count: number, name = 'p'): object =>
  Object.fromEntries(list(count, (i) => [`${name}${i}`, { type: 'string' }]));

function nested(depth: number, inner: object, wrap: (schema: object) => object): object {
  let schema = inner;
  for (let i = 0; i < depth; i++) schema = wrap(schema);
  return schema;
}

const union = (branches: number, values: number): object => ({
  oneOf: list(branches, (i) => ({
    type: 'object',
    properties: { k: { enum: list(values, (j) => `v${i}_${j}`) } },
    required: ['k'],
  })),
});

const chain = (length: number, link: (next: object) => object): object => ({
  $ref: '#/$defs/s0',
  $defs: Object.fromEntries([
    ...list(length, (i) => [`s${i}`, link({ $ref: `#/$defs/s${i + 1}` })] as const),
    [`s${length}`, { type: 'null' }],
  ]),
});

describe('a schema that is expensive to convert', () => {
  test.each<[string, object]>([
    ['a hundred branches that differ in a hundred values each', union(100, 100)],
    [
      'branches that differ in alternatives',
      {
        oneOf: list(50, (i) => ({
          properties: { k: { anyOf: list(50, (j) => ({ const: `v${i}_${j}` })) } },
          required: ['k'],
        })),
      },
    ],
    [
      'a description of 300 KB below 60 levels',
      nested(60, { type: 'string', description: 'x'.repeat(3e5) }, (a) => ({
        type: 'object',
        properties: { a },
        required: ['a'],
      })),
    ],
    [
      'a key of 60,000 characters among others',
      {
        type: 'object',
        properties: { ['k'.repeat(60_000)]: { type: 'string' } },
        additionalProperties: true,
      },
    ],
    ['a chain of 150 references', chain(150, (next) => next)],
    [
      '250 objects nested by reference',
      chain(250, (a) => ({ properties: { a }, required: ['a'] })),
    ],
    [
      'annotations that differ in each of a thousand uses',
      {
        anyOf: list(200, (i) => ({ type: 'object', title: `t${i}`, properties: properties(5) })),
      },
    ],
  ])(
    'is converted in time: %s',
    (_, schema) => {
      expect(refusalOf(schema)).toBeUndefined();
    },
    TIMEOUT_MS,
  );

  test.each<[string, object, string]>([
    ['too many branches to compare', union(250, 200), '"oneOf" has branches'],
    [
      'branches with many properties to compare',
      {
        oneOf: list(100, (i) => ({
          properties: { ...properties(60), k: { const: i } },
          required: Object.keys(properties(60)),
        })),
      },
      '"oneOf" has branches',
    ],
    [
      '2,000 parts of five properties',
      { allOf: list(2000, (i) => ({ properties: properties(5, `p${i}_`) })) },
      'grammar exceeds',
    ],
    [
      '256 alternatives of 2,000 properties',
      {
        properties: properties(2000),
        anyOf: list(256, (i) => ({ properties: { [`q${i}`]: {} } })),
      },
      '"anyOf" and "allOf" combine more than',
    ],
    [
      '2,000 parts that each forbid the properties of the others',
      {
        allOf: list(2000, (i) => ({
          properties: properties(5, `p${i}_`),
          additionalProperties: { type: 'string' },
        })),
      },
      '"anyOf" and "allOf" combine more than',
    ],
    [
      'a text of more than 1 MiB',
      { type: 'string', description: 'x'.repeat(1_100_000) },
      'larger than 1024 KiB',
    ],
    ['more than 1 MiB of values', { enum: list(300_000, (i) => i) }, 'larger than 1024 KiB'],
    ['50,000 values', { enum: list(50_000, (i) => `v${i * 7919}`) }, 'grammar exceeds'],
    [
      '50,000 values with a bound',
      { enum: list(50_000, (i) => `v${i * 7919}`), minLength: 1 },
      'grammar exceeds',
    ],
    [
      'values with many alternatives',
      {
        enum: list(10_000, (i) => i),
        anyOf: list(100, (i) => ({ type: 'string', minLength: i })),
      },
      '"enum" or "propertyNames" has too many values',
    ],
    ['20,000 properties', { properties: properties(20_000) }, 'grammar exceeds'],
    ['50,000 required keys', { required: list(50_000, (i) => `k${i}`) }, 'grammar exceeds'],
    ['a chain of 1,000 references', chain(1000, (next) => next), '"$ref" and "allOf" form a chain'],
    [
      '1,000 objects nested by reference',
      chain(1000, (a) => ({ properties: { a } })),
      '"$ref" nests values more than',
    ],
    ['5,000 nested lists', nested(5000, {}, (items) => ({ items })), 'nested more than'],
    ['a value 5,000 lists deep', { const: nested(5000, {}, (a) => [a]) }, 'nested more than'],
    ['5,000 nested "allOf"', nested(5000, {}, (a) => ({ allOf: [a] })), 'nested more than'],
    [
      'a key of 300,000 characters',
      { properties: { ['k'.repeat(300_000)]: {} } },
      'grammar exceeds',
    ],
  ])(
    'is refused in time: %s',
    (_, schema, why) => {
      expect(refusalOf(schema)).toContain(why);
    },
    TIMEOUT_MS,
  );
});

test('the schemas of all tools of a request share one limit of conversion work', () => {
  const rules = new GrammarRules();

  expect(() => {
    for (let i = 0; i < 40; i++) jsonSchemaRule(rules, union(60 + i, 100));
  }).toThrow('take too long to convert');
});

describe('a pattern that is expensive to convert', () => {
  const pattern = (text: string, more: object = {}): object => ({
    type: 'string',
    pattern: text,
    ...more,
  });

  test.each<[string, object, string]>([
    [
      '50,000 groups',
      pattern('('.repeat(50_000) + 'a' + ')'.repeat(50_000)),
      'more than 16384 characters',
    ],
    [
      '5,000 groups',
      pattern('('.repeat(5000) + 'a' + ')'.repeat(5000)),
      '"pattern" uses groups nested more than',
    ],
    [
      'states that grow exponentially',
      pattern('a[ab]{40}$', { allOf: [{ pattern: 'b' }] }),
      '"pattern" uses too many states',
    ],
    [
      'states that grow exponentially in look-aheads',
      pattern('^(?!.*a.{30}b)(?!.*b.{29}a).*$'),
      '"pattern" uses too',
    ],
    [
      'a length of 50,000',
      pattern('ab|c', { minLength: 50_000 }),
      '"pattern" uses too many states',
    ],
    [
      'nested repetitions of anchors',
      pattern(`a${'(?:'.repeat(20)}$${'){8}'.repeat(20)}`),
      'too long to convert',
    ],
    ['3,000 optional parts', pattern(`^${'a?'.repeat(3000)}$`), 'too long to convert'],
    [
      '300 alternatives of wide classes, repeated',
      pattern(
        `^(?:${list(300, (i) => `[${String.fromCodePoint(0x100 + i * 3)}-${String.fromCodePoint(0x280 + i * 5)}]x${i}`).join('|')})*$`,
        { maxLength: 90 },
      ),
      'too long to convert',
    ],
    [
      'more repetitions than a text can have',
      pattern('a{99999999999}'),
      'a repetition of more than',
    ],
    [
      '100 expensive patterns',
      {
        properties: Object.fromEntries(
          list(100, (i) => [`p${i}`, pattern(`^(?=.*x${i}).{9,400}$`)]),
        ),
      },
      'too large',
    ],
    [
      'a listed value that makes a backtracking matcher hang',
      {
        enum: [`${'a'.repeat(5000)}!`],
        pattern: '^(a+)+$',
      },
      'no value',
    ],
  ])(
    'is refused in time: %s',
    (_, schema, why) => {
      expect(refusalOf(schema)).toContain(why);
    },
    TIMEOUT_MS,
  );
});
