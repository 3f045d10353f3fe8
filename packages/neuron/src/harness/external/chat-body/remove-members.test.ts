import { expect, test } from 'bun:test';

import { editedParts, membersEdit } from '@cortex/protocol';
import fc from 'fast-check';

import { readChatOutline } from './chat-outline.ts';
import { removeMembers } from './remove-members.ts';

const REMOVED = ['a', 'b', 'c'];

async function withoutMembers(text: string, members = {}): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const outline = await readChatOutline(bytes, { members: REMOVED, variables: [] });
  const edits = removeMembers(bytes, [...outline.members.values()].flat());
  return await new Blob([...editedParts(bytes, [membersEdit(bytes, members), ...edits])]).text();
}

test('keeps every other byte', async () => {
  expect(
    await withoutMembers('{ "a":[1,{"b":2}] , "x" : "a" ,"b": {} , "y":1.0 , "\\u0063" :1 }'),
  ).toBe('{  "x" : "a"  , "y":1.0  }');
});

test('leaves a valid object without them, whatever their order and number', async () => {
  const member = fc.tuple(
    fc.constantFrom(...REMOVED, 'x', 'y'),
    fc.constantFrom('1', '"a,b"', '{"a":"}"}', '[ ]', 'null'),
    fc.constantFrom('', ' ', '\n\t'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(member), async (members) => {
      const all = [...members, ['model', '"m"', ' '] as const];
      const text = all.map(
        ([name, value, space]) => `${space}"${name}"${space}:${space}${value}${space}`,
      );

      const after = JSON.parse(await withoutMembers(`{${text.join(',')}}`, { new: 1 }));

      const kept = all.filter(([name]) => !REMOVED.includes(name));
      expect(after).toEqual({
        new: 1,
        ...Object.fromEntries(kept.map(([name, value]) => [name, JSON.parse(value)])),
      });
    }),
  );
});
