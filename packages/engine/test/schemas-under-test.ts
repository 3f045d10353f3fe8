/** Samples and validates the texts of the grammar of a JSON schema, and generates schemas of all kinds. */
import { CortexError } from '@cortex/protocol';
import Ajv, { type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';

import { documentGrammar } from '../src/grammar/answer-grammar.ts';
import { GbnfSampler } from './gbnf-sampler.ts';
import { seededRandom } from './seeded-random.ts';

const ajv = new Ajv({ strict: false, logger: false });
addFormats(ajv);

/** An independent validator of a schema, formats included. */
const validatorOf = (schema: object | boolean): ValidateFunction => ajv.compile(schema);

/** Texts that the grammar of `schema` accepts, some short, some long. The index of a text is the seed of its choices. */
export function texts(schema: object | boolean, count: number): string[] {
  const sampler = new GbnfSampler(documentGrammar(schema, {}));
  return Array.from({ length: count }, (_, seed) =>
    sampler.sample(seededRandom(seed), seed % 3 === 0 ? 15 : 120),
  );
}

/** The invalid ones among `count` texts of the grammar of `schema`, each with its seed and the validator's errors. */
export function invalidTexts(schema: object | boolean, count: number): object[] {
  const validate = validatorOf(schema);
  return texts(schema, count).flatMap((text, seed) =>
    validate(JSON.parse(text)) ? [] : [{ seed, text, errors: validate.errors }],
  );
}

/** The error message when `schema` is refused; undefined when it is accepted. */
export function refusalOf(schema: unknown): string | undefined {
  try {
    documentGrammar(schema, {});
    return undefined;
  } catch (error) {
    if (error instanceof CortexError && error.code === 'invalid_request') return error.message;
    throw error;
  }
}

/** A few keys and values, so that the keywords of one schema apply to the same ones. */
const key = fc.constantFrom('a', 'b', 'k');
const keys = fc.uniqueArray(key, { maxLength: 3 });
const listed = fc.constantFrom<unknown[]>(
  0,
  1,
  2,
  3,
  4.5,
  -6,
  'a',
  'abc',
  '2020-01-31',
  null,
  true,
  [],
  [1],
  ['a', 2],
  {},
  { a: 1 },
  { b: 1 },
  { a: 1, b: 'x' },
  { b: 'x', a: 1 },
  { k: 'abc' },
);
const type = fc.constantFrom('object', 'array', 'string', 'number', 'integer', 'boolean', 'null');
const small = fc.nat(3);

/**
 * Schemas with random combinations of a few keywords: lists of values with bounds, branches with properties, tuples with
 * items. Many are refused, and some allow no value.
 */
export const mixedSchema = fc.letrec<{ schema: object; keyword: object; sub: object | boolean }>(
  (tie) => {
    const one = (name: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<object> =>
      value.map((held) => ({ [name]: held }));
    const branches = fc.array(tie('sub'), { minLength: 1, maxLength: 3 });
    const named = fc.dictionary(key, tie('sub'), { maxKeys: 3 });
    return {
      schema: fc
        .array(tie('keyword'), { minLength: 1, maxLength: 4 })
        .map((parts) => Object.assign({}, ...parts)),
      sub: fc.oneof(
        { maxDepth: 3, depthSize: 'small' },
        one('type', type),
        one('const', listed),
        fc.boolean(),
        tie('schema'),
        tie('schema'),
      ),
      keyword: fc.oneof(
        one('type', fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 }))),
        one('enum', fc.uniqueArray(listed, { minLength: 1, maxLength: 6, selector: String })),
        one('const', listed),
        one('minimum', fc.integer({ min: -7, max: 3 })),
        one('exclusiveMaximum', fc.integer({ min: -3, max: 40 })),
        one('multipleOf', fc.constantFrom(1, 2, 3, 0.5, 10, 7)),
        one('minLength', small),
        one('maxLength', small),
        one('pattern', fc.constantFrom('^a', 'b', '^[a-c]{1,3}$', '^(?!ab)', '^.$|^\\d{4}')),
        one('format', fc.constantFrom('date', 'uuid', 'email', 'int32', 'not-known')),
        one('properties', named),
        one('properties', named),
        one('required', keys),
        one('additionalProperties', tie('sub')),
        one('unevaluatedProperties', fc.boolean()),
        one(
          'propertyNames',
          fc.constantFrom({ enum: ['a', 'k'] }, { pattern: '^[ax]' }, { maxLength: 1 }, {}),
        ),
        one('minProperties', fc.nat(1)),
        one('maxProperties', small),
        one('items', tie('sub')),
        one('prefixItems', branches),
        one('minItems', small),
        one('maxItems', small),
        one('allOf', branches),
        one('anyOf', branches),
        one('oneOf', branches),
      ),
    };
  },
).schema;
