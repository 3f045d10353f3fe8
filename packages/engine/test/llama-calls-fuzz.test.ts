/** Answers of fragments in any order: what a model writes, the arguments of its calls are JSON. */
import { JSON_FAMILIES, LITERAL_FAMILIES, TAGGED_FAMILIES } from '@cortex/testkit/family-calls';
import { test } from 'bun:test';
import fc from 'fast-check';

import { readBoth } from './family-reader.ts';

const JSON_PARTS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '"query"',
  '"limit"',
  '"a\\',
  '007',
  'true',
  'null',
  '-',
  ' ',
  '\n',
  'x',
];
const LITERAL_PARTS = [
  '(',
  ')',
  '*',
  '**',
  '=',
  "'",
  'None',
  'query',
  'limit',
  'places',
  '5',
  'call:search{',
];
const OTHER = ['<think>', '</think>', '```', '```json', 'é', '🙂', '<', '/', '\\'];

const markersOf = (...texts: readonly string[]): readonly string[] => [
  ...texts,
  ...texts.flatMap((text) => text.match(/<[^<>\n]+>|\[[A-Z_]+\]|<\|"\|>/g) ?? []),
];

const RUNS = { numRuns: 60 };

/** Any answer is read the same in one piece and character by character, and every call has JSON as arguments. */
function check(family: Parameters<typeof readBoth>[0], parts: readonly string[]): void {
  const fragments = fc.array(fc.constantFrom(...parts), { maxLength: 14 });
  fc.assert(
    // `readBoth` compares both readings and parses the arguments.
    fc.property(fragments, fc.boolean(), (list, isCall) => {
      readBoth({ ...family, prompt: '' }, (isCall ? family.open : '') + list.join(''));
    }),
    RUNS,
  );
}

test.each(Object.entries(JSON_FAMILIES))('any answer of %s has JSON as arguments', (_, family) => {
  check(family, [...JSON_PARTS, ...OTHER, ...markersOf(family.open, family.close)]);
});

test.each(Object.entries(TAGGED_FAMILIES))(
  'any answer of %s has JSON as arguments',
  (_, family) => {
    const { open, key, endValue, close } = family;
    check(family, [
      ...JSON_PARTS,
      ...OTHER,
      ...markersOf(open, key('query'), key('limit'), endValue, close),
    ]);
  },
);

test.each(Object.entries(LITERAL_FAMILIES))(
  'any answer of %s has JSON as arguments',
  (_, family) => {
    const { open, close, text, member } = family;
    check(family, [
      ...JSON_PARTS,
      ...LITERAL_PARTS,
      ...OTHER,
      ...markersOf(open, close, text('a'), member('limit', '5')),
    ]);
  },
);
