import { expect, test } from 'bun:test';

import * as fc from 'fast-check';
import { parse, stringify } from 'smol-toml';

import { formatKeyPath, isTree, type KeyPath } from './key-path.ts';
import { readTomlLines } from './toml-lines.ts';

test('the line reader finds the right line after every kind of TOML value', () => {
  const text = [
    'title = "a # no comment [x]" # comment = 1', // 1
    'multi = """', // 2
    'fake = 1', // 3
    '\\""" """', // 4
    "literal = '''", // 5
    "[fake]'''", // 6
    'list = [', // 7
    '  1, # one', // 8
    '  { a = "}", b = [ 2 ] },', // 9
    ']', // 10
    'date = 1979-05-27T07:32:00Z', // 11
    'dotted . "key" = 1', // 12
    '[ table . sub ]', // 13
    'x.y.z = 1', // 14
    '[[ array ]]', // 15
    'name = "1"', // 16
    '[[array.inner]]', // 17
    'v = 1', // 18
    '[array.sub]', // 19
    'w = 2', // 20
    '[[array]]', // 21
    'name = "2"', // 22
    '[[array.inner]]', // 23
    'v = 3', // 24
    '"quo\\u0074ed" = 1', // 25
  ].join('\r\n');
  expect(() => parse(text)).not.toThrow();

  const lines = Object.fromEntries(readTomlLines(text));

  expect(lines).toMatchObject({
    title: 1,
    multi: 2,
    literal: 5,
    list: 7,
    'list[0]': 8,
    'list[1].a': 9,
    'list[1].b[0]': 9,
    date: 11,
    'dotted.key': 12,
    'table.sub': 13,
    'table.sub.x.y.z': 14,
    'array[0].name': 16,
    'array[0].inner[0].v': 18,
    'array[0].sub.w': 20,
    'array[1]': 21,
    'array[1].name': 22,
    'array[1].inner[0].v': 24,
    'array[1].inner[0].quoted': 25,
  });
  expect(Object.keys(lines)).not.toContain('fake');
});

function* leafPaths(value: unknown, path: KeyPath): Generator<KeyPath> {
  if (isTree(value))
    for (const [key, child] of Object.entries(value)) yield* leafPaths(child, [...path, key]);
  else if (Array.isArray(value))
    for (const [at, child] of value.entries()) yield* leafPaths(child, [...path, at]);
  else yield path;
}

test('the line reader finds a line for every leaf of any document, and that line holds its key', () => {
  const key = fc.oneof(
    fc.constantFrom('a', 'b-c', 'd e', 'x.y', '#', '='),
    fc.string({ minLength: 1, maxLength: 5 }),
  );
  const { table } = fc.letrec<{ value: unknown; table: Record<string, unknown> }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      tie('table'),
      fc.array(fc.string({ unit: 'binary-ascii' }), { maxLength: 3 }),
      fc.array(tie('table'), { maxLength: 3 }),
    ),
    table: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  }));
  fc.assert(
    fc.property(table, (tree) => {
      const text = stringify(tree);
      const textLines = text.split('\n');

      const lines = readTomlLines(text);

      for (const path of leafPaths(parse(text), [])) {
        const line = lines.get(formatKeyPath(path));
        const name = path.findLast((part) => typeof part === 'string');
        expect(textLines[(line ?? 0) - 1]).toContain(JSON.stringify(name).slice(1, -1));
      }
    }),
    { numRuns: 300 },
  );
});
