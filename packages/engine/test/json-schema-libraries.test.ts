/** Schemas of client libraries: the library accepts the answers. */
import { expect, test } from 'bun:test';
import { z } from 'zod';

import { invalidTexts, refusalOf, texts } from './schemas-under-test.ts';

const Named = z.object({ name: z.string() });
interface Tree {
  readonly value: number;
  readonly children: readonly Tree[];
}
const Tree: z.ZodType<Tree> = z.object({
  value: z.int(),
  get children() {
    return z.array(Tree);
  },
});

const ZOD: Readonly<Record<string, z.ZodType>> = {
  'z.email()': z.email(),
  'z.uuid()': z.uuid(),
  'z.uuidv4()': z.uuidv4(),
  'z.uuidv7()': z.uuidv7(),
  'z.guid()': z.guid(),
  'z.url()': z.url(),
  'z.emoji()': z.emoji(),
  'z.nanoid()': z.nanoid(),
  'z.cuid()': z.cuid(),
  'z.cuid2()': z.cuid2(),
  'z.ulid()': z.ulid(),
  'z.xid()': z.xid(),
  'z.ksuid()': z.ksuid(),
  'z.ipv4()': z.ipv4(),
  'z.ipv6()': z.ipv6(),
  'z.cidrv4()': z.cidrv4(),
  'z.cidrv6()': z.cidrv6(),
  'z.mac()': z.mac(),
  'z.base64()': z.base64(),
  'z.base64url()': z.base64url(),
  'z.e164()': z.e164(),
  'z.hex()': z.hex(),
  'z.iso.date()': z.iso.date(),
  'z.iso.time()': z.iso.time(),
  'z.iso.time({ precision: 0 })': z.iso.time({ precision: 0 }),
  'z.iso.datetime()': z.iso.datetime(),
  'z.iso.datetime({ offset: true })': z.iso.datetime({ offset: true }),
  'z.iso.datetime({ local: true })': z.iso.datetime({ local: true }),
  'z.iso.datetime({ precision: 3 })': z.iso.datetime({ precision: 3 }),
  'z.iso.duration()': z.iso.duration(),
  '.startsWith()': z.string().startsWith('a'),
  '.endsWith()': z.string().endsWith('z.'),
  '.includes()': z.string().includes('mid'),
  '.startsWith().endsWith().includes()': z.string().startsWith('a').endsWith('b').includes('cc'),
  '.lowercase()': z.string().lowercase(),
  '.uppercase()': z.string().uppercase(),
  '.regex()': z.string().regex(/^[A-Z]{2}-\d+$/),
  '.regex() with a length': z.string().regex(/^\w+$/).min(3).max(20),
  '.email().max()': z.email().max(30),
  '.email().max(254)': z.email().max(254),
  '.startsWith().max()': z.string().startsWith('# ').max(5000),
  'a password': z.string().regex(/^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^\w\s]).{8,64}$/),
  '.url().max()': z.url().max(200),
  '.regex() with a great length': z.string().regex(/^\w+$/).min(3).max(9000),
  'z.templateLiteral()': z.templateLiteral(['v', z.int(), '.', z.enum(['a', 'b'])]),
  'z.int()': z.int(),
  'z.int32()': z.int32(),
  'z.uint32()': z.uint32(),
  'z.float32()': z.float32(),
  'z.number().positive()': z.number().positive(),
  'z.number().multipleOf()': z.number().multipleOf(5),
  'z.number().step()': z.number().step(0.25).min(-2).max(40),
  'z.int().multipleOf()': z.int().multipleOf(15).min(1),
  'z.boolean()': z.boolean(),
  'z.null()': z.null(),
  'z.any()': z.any(),
  'z.unknown()': z.unknown(),
  'z.json()': z.json(),
  'z.literal()': z.literal(['a', 1, null, true]),
  'z.enum()': z.enum(['a', 'b']),
  'z.nullable()': z.string().nullable(),
  'z.union()': z.union([z.string(), z.int(), z.null()]),
  'z.xor()': z.xor([z.string(), z.int()]),
  'z.intersection()': z.intersection(Named, z.object({ age: z.int() })),
  'z.discriminatedUnion()': z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('cat'), lives: z.int().min(0).max(9) }),
    z.object({ kind: z.literal('dog'), owner: Named.nullable() }),
    z.strictObject({ kind: z.enum(['fish', 'eel']) }),
  ]),
  'z.array()': z.array(z.iso.date()).min(1).max(3),
  'z.tuple()': z.tuple([z.string(), z.number()]),
  'z.tuple() with a rest': z.tuple([z.string()], z.int()),
  'z.record()': z.record(z.string(), z.number()),
  'z.record() of an enum': z.record(z.enum(['a', 'b']), z.string()),
  'z.partialRecord()': z.partialRecord(z.enum(['a', 'b']), z.string()),
  'z.record() with a pattern': z.record(z.string().regex(/^x-/), z.boolean()),
  'z.record() of numbers': z.record(z.number(), z.string()),
  'z.optional()': z.object({ a: z.string().optional(), b: z.int() }),
  'z.looseObject()': z.looseObject({ a: z.string() }),
  'z.strictObject()': z.strictObject({ a: z.string() }),
  '.catchall()': z.object({ a: z.string() }).catchall(z.int()),
  'z.never()': z.object({ a: z.never().optional(), b: z.int() }),
  '.describe().default()': z.object({ a: z.string().describe('what').default('x') }),
  'a recursive object': Tree,
};

test.each(Object.entries(ZOD))(
  'zod schema %s is enforced, and zod parses the answer',
  (_, type) => {
    const schema = z.toJSONSchema(z.object({ value: type }));

    expect(invalidTexts(schema, 40)).toEqual([]);
    const refused = texts(schema, 40).filter((text) => {
      const value: unknown = JSON.parse(text);
      return !z.object({ value: type }).safeParse(value).success;
    });
    expect(refused).toEqual([]);
  },
);

/** Output of `model_json_schema()` of pydantic 2. */
const PYDANTIC: Readonly<Record<string, object>> = {
  'a nested model with defaults': {
    $defs: {
      Address: {
        properties: {
          street: { title: 'Street', type: 'string' },
          zip: { pattern: '^\\d{5}$', title: 'Zip', type: 'string' },
        },
        required: ['street', 'zip'],
        title: 'Address',
        type: 'object',
      },
    },
    properties: {
      name: { description: 'Full name', examples: ['Ada'], title: 'Name', type: 'string' },
      address: { $ref: '#/$defs/Address', description: 'Where' },
      nick: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null, title: 'Nick' },
      tags: { default: [], items: { type: 'string' }, title: 'Tags', type: 'array' },
      scores: { additionalProperties: { type: 'number' }, title: 'Scores', type: 'object' },
      born: { format: 'date', title: 'Born', type: 'string' },
      at: { anyOf: [{ format: 'date-time', type: 'string' }, { type: 'null' }], title: 'At' },
      kept: { format: 'duration', title: 'Kept', type: 'string' },
      secret: { format: 'password', title: 'Secret', type: 'string', writeOnly: true },
      file: { format: 'path', title: 'File', type: 'string' },
      data: { format: 'binary', title: 'Data', type: 'string' },
      site: { format: 'uri', maxLength: 2083, minLength: 1, title: 'Site', type: 'string' },
      age: { exclusiveMinimum: 0, maximum: 150, title: 'Age', type: 'integer' },
      even: { multipleOf: 2, title: 'Even', type: 'integer' },
      price: {
        anyOf: [
          { type: 'number' },
          { pattern: '^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$', type: 'string' },
        ],
        title: 'Price',
      },
      pair: {
        maxItems: 2,
        minItems: 2,
        prefixItems: [{ type: 'integer' }, { type: 'string' }],
        title: 'Pair',
        type: 'array',
      },
    },
    required: ['name', 'address', 'pair'],
    title: 'Person',
    type: 'object',
  },
  'a discriminated union': {
    $defs: {
      Cat: {
        properties: {
          kind: { const: 'cat', default: 'cat', title: 'Kind', type: 'string' },
          lives: { title: 'Lives', type: 'integer' },
        },
        required: ['kind', 'lives'],
        title: 'Cat',
        type: 'object',
      },
      Dog: {
        properties: {
          kind: { enum: ['dog', 'wolf'], title: 'Kind', type: 'string' },
          owner: { anyOf: [{ $ref: '#/$defs/Dog' }, { type: 'null' }], default: null },
        },
        required: ['kind'],
        title: 'Dog',
        type: 'object',
      },
      Color: { enum: ['red', 'green'], title: 'Color', type: 'string' },
    },
    properties: {
      pet: {
        discriminator: {
          mapping: { cat: '#/$defs/Cat', dog: '#/$defs/Dog', wolf: '#/$defs/Dog' },
          propertyName: 'kind',
        },
        oneOf: [{ $ref: '#/$defs/Cat' }, { $ref: '#/$defs/Dog' }],
        title: 'Pet',
      },
      color: { $ref: '#/$defs/Color', default: 'red' },
    },
    required: ['pet'],
    title: 'Owner',
    type: 'object',
  },
};
test.each(Object.entries(PYDANTIC))('pydantic schema with %s is enforced', (_, schema) => {
  expect(invalidTexts(schema, 60)).toEqual([]);
});

test('a keyword of a library that no grammar enforces is refused by name', () => {
  const unique = { items: { type: 'integer' }, type: 'array', uniqueItems: true };
  const patterned = { patternProperties: { '^a': { type: 'string' } }, type: 'object' };

  expect(refusalOf(unique)).toContain('"uniqueItems"');
  expect(refusalOf(patterned)).toContain('"patternProperties"');
  expect(refusalOf(z.toJSONSchema(z.number().multipleOf(0.01)))).toContain('"multipleOf"');
});
