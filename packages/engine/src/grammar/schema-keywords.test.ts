import { expect, test } from 'bun:test';

import { typesOf } from './schema-keywords.ts';

test('a keyword named like a member of Object.prototype implies no type', () => {
  const { length } = typesOf({});

  for (const keyword of ['constructor', 'toString', 'hasOwnProperty'])
    expect(typesOf({ [keyword]: {} })).toHaveLength(length);
  expect(typesOf({ constructor: {}, properties: {} })).toEqual(['object']);
});
