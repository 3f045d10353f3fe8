/** Checks that the table of fields and the schemas of bodies have the same fields. */
import { CortexError } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { checkFields, FIELD_GROUPS } from '../../request-fields/index.ts';
import type { FieldRoute } from '../../request-fields/field-group.ts';
import { ChatBody, CompletionsBody } from './chat-body.ts';

/** Fields that neuron reads. */
const OUTSIDE = ['model', 'stream', 'stream_options'];

const honoured = (route: FieldRoute): string[] =>
  FIELD_GROUPS.filter(({ routes }) => routes.includes(route)).flatMap(({ fields }) =>
    Object.entries(fields).flatMap(([name, rule]) => (rule.kind === 'honoured' ? [name] : [])),
  );

test.each([
  ['chat', ChatBody],
  ['completions', CompletionsBody],
] as const)(
  'the fields of %s that are honoured are exactly the fields that its schema reads',
  (route, schema) => {
    expect(honoured(route).toSorted()).toEqual(
      [...OUTSIDE, ...Object.keys(schema.shape)].toSorted(),
    );
  },
);

test('every field is in at most one group per route', () => {
  for (const route of ['chat', 'completions', 'embeddings', 'rerank'] as const) {
    const names = FIELD_GROUPS.filter(({ routes }) => routes.includes(route)).flatMap(
      ({ fields }) => Object.keys(fields),
    );

    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  }
});

const cases = FIELD_GROUPS.flatMap(({ routes, fields }) =>
  Object.entries(fields).flatMap(([name, rule]) =>
    rule.kind === 'refused' ? routes.map((route) => [name, route] as const) : [],
  ),
);

test.each(cases)('the field %s is refused by name on %s', (name, route) => {
  let thrown: unknown;
  try {
    checkFields({ [name]: { asks: 'for something' } }, route);
  } catch (error) {
    thrown = error;
  }

  if (!(thrown instanceof CortexError)) throw new Error('it was accepted');
  expect(thrown.code).toBe('unsupported_parameter');
  expect(thrown.details.param).toBe(name);
  expect(thrown.message).toContain(`"${name}"`);
});

test.each(cases)('the field %s is accepted as null on %s', (name, route) => {
  expect(() => checkFields({ [name]: null }, route)).not.toThrow();
});
