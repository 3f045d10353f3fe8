import { expect, test } from 'bun:test';

import { typesOf } from './schema-keywords.ts';

test('a keyword with the name of a member of objects implies no type', () => {
  const { length } = typesOf({});

  for (const keyword of ['constructor', 'toString', 'hasOwnProperty'])
    expect(typesOf({ [keyword]: {} })).toHaveLength(length);
  expect(typesOf({ constructor: {}, properties: {} })).toEqual(['object']);
});
