import { expect, test } from 'bun:test';

import { z } from 'zod';

import { configJsonSchema, listConfigKeys } from './schema-shape.ts';

const Schema = z.strictObject({
  gateway: z
    .strictObject({
      listen: z.string().default('127.0.0.1:1').describe('Client API.'),
      token_file: z.string().optional(),
    })
    .prefault({}),
  neurons: z
    .array(z.strictObject({ name: z.string().describe('Shown everywhere.') }))
    .default([])
    .describe('The nodes.'),
  aliases: z
    .record(z.string(), z.union([z.string(), z.strictObject({ model: z.string() })]))
    .default({}),
  slots: z.union([z.int(), z.literal('auto')]).default('auto'),
  strategy: z.enum(['lru', 'priority']).default('lru'),
});

test('the configuration reference lists every key with type, default and description', () => {
  expect(listConfigKeys(Schema)).toEqual([
    {
      key: 'gateway.listen',
      type: 'text',
      isRequired: false,
      default: '127.0.0.1:1',
      description: 'Client API.',
    },
    { key: 'gateway.token_file', type: 'text', isRequired: false },
    {
      key: 'neurons',
      type: 'list of tables',
      isRequired: false,
      default: [],
      description: 'The nodes.',
    },
    { key: 'neurons[].name', type: 'text', isRequired: true, description: 'Shown everywhere.' },
    { key: 'aliases', type: 'table', isRequired: false, default: {} },
    { key: 'aliases.*', type: 'text or table', isRequired: false },
    { key: 'aliases.*.model', type: 'text', isRequired: true },
    { key: 'slots', type: 'whole number or "auto"', isRequired: false, default: 'auto' },
    { key: 'strategy', type: '"lru" or "priority"', isRequired: false, default: 'lru' },
  ]);
});

test('the JSON schema for editors refuses unknown keys and requires no key that has a default', () => {
  expect(configJsonSchema(Schema)).toMatchObject({
    type: 'object',
    additionalProperties: false,
    properties: {
      gateway: { properties: { listen: { type: 'string', description: 'Client API.' } } },
    },
  });
  expect(configJsonSchema(Schema)).not.toHaveProperty('required');
});
