import { describe, expect, test } from 'bun:test';

import { editedParts } from '@cortex/protocol';
import fc from 'fast-check';

import { readChatOutline } from './chat-outline.ts';
import { editLateSystem } from './late-system-turns.ts';

type Turn = Readonly<Record<string, unknown>>;

const encode = (text: string) => new TextEncoder().encode(text);

async function rewriteText(text: string): Promise<string> {
  const bytes = encode(text);
  const { turns } = await readChatOutline(bytes, { members: [], variables: [] });
  return await new Blob([...editedParts(bytes, editLateSystem(bytes, turns))]).text();
}

const rewrite = async (messages: readonly Turn[]): Promise<readonly Turn[]> =>
  JSON.parse(await rewriteText(JSON.stringify({ messages }))).messages;

const system = (content: unknown) => ({ role: 'system', content });
const user = (content: unknown) => ({ role: 'user', content });
const answer = (content: unknown) => ({ role: 'assistant', content });
const calls = (...ids: string[]) => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
});
const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: id });

describe('a system turn that is not at the head', () => {
  test('becomes a user turn in its place', async () => {
    expect(
      await rewrite([system('S'), user('a'), answer('b'), system('late'), answer('c')]),
    ).toEqual([system('S'), user('a'), answer('b'), user('late'), answer('c')]);
  });

  test('is merged with the text of the user turns beside it', async () => {
    const turns = [
      system('S'),
      user('a\n"'),
      system('late'),
      system('later'),
      user('b'),
      user('c'),
    ];

    expect(await rewrite(turns)).toEqual([
      system('S'),
      user('a\n"\n\nlate\n\nlater\n\nb'),
      user('c'),
    ]);
  });

  test('is merged as a part with a user turn that has an image', async () => {
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
    const parts = [{ type: 'text', text: 'more' }];

    expect(await rewrite([user([image]), system('late'), answer('b'), system(parts)])).toEqual([
      user([image, { type: 'text', text: 'late' }]),
      answer('b'),
      user(parts),
    ]);
  });

  test('goes behind the results of the calls before it', async () => {
    const turns = [user('a'), calls('1', '2'), result('1'), system('late'), result('2'), user('b')];

    expect(await rewrite(turns)).toEqual([
      user('a'),
      calls('1', '2'),
      result('1'),
      result('2'),
      user('late\n\nb'),
    ]);
  });

  test('counts as such with the role developer', async () => {
    const turns = [{ role: 'developer', content: 'S' }, user('a'), answer('b')];

    expect(await rewrite(turns)).toEqual(turns);
    expect(await rewrite([...turns, { role: 'developer', content: 'late' }])).toEqual([
      ...turns,
      user('late'),
    ]);
  });

  test('is joined to the first one if no other turn is between them', async () => {
    expect(await rewrite([system('S'), system([{ type: 'text', text: 'T' }]), user('a')])).toEqual([
      system([
        { type: 'text', text: 'S' },
        { type: 'text', text: 'T' },
      ]),
      user('a'),
    ]);
  });

  test('keeps its other members, and a turn without content is not merged', async () => {
    const named = { name: 'n', role: 'system', content: null };

    expect(await rewrite([user('a'), named])).toEqual([user('a'), { ...named, role: 'user' }]);
  });

  test('changes no byte of the turns around it', async () => {
    const text =
      '{"messages" : [ {"role":"user","content":"h\\u00e9", "n":18446744073709551615} ,{"role":"assistant","content":1.0},\n{"content":"late","role" : "s\\u0079stem"} ] , "x":1.0}';

    expect(await rewriteText(text)).toBe(
      '{"messages" : [ {"role":"user","content":"h\\u00e9", "n":18446744073709551615},{"role":"assistant","content":1.0},{"content":"late","role" : "user"} ] , "x":1.0}',
    );
  });
});

test('a conversation without late system turns keeps every byte', async () => {
  const text = JSON.stringify({ messages: [system('S'), user('a'), calls('1'), result('1')] });

  expect(await rewriteText(text)).toBe(text);
});

test('a body with more turns than any conversation keeps every byte', async () => {
  const turns = Array.from({ length: 100_001 }, (_, at) =>
    at % 2 === 0 ? user('u') : system('s'),
  );
  const text = JSON.stringify({ messages: turns });

  expect((await rewriteText(text)) === text).toBe(true);
});

test('a message that is not an object is left to the server', async () => {
  const text = '{"messages":[1,null,{"role":"user","content":"a"},{"role":{},"content":{}}]}';

  expect(await rewriteText(text)).toBe(text);
});

const exchange = fc
  .tuple(fc.array(fc.constantFrom(system('s'), user('u')), { minLength: 1 }), fc.nat(2))
  .map(([asked, results]): readonly Turn[] => {
    const ids = Array.from({ length: results }, (_, at) => String(at));
    return [...asked, ...(results === 0 ? [] : [calls(...ids), ...ids.map(result)])];
  });

test('the form of earlier turns stays the same while the conversation grows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 5 }), async (exchanges) => {
      const turns: Turn[] = [system('S')];
      let before: readonly Turn[] = [];
      for (const asked of exchanges) {
        turns.push(...asked);
        const now = await rewrite(turns);
        expect(now.slice(0, before.length)).toEqual([...before]);
        const roles = now.map(({ role }) => role);
        expect(roles.lastIndexOf('system')).toBe(0);
        turns.push(answer('A'));
        before = await rewrite(turns);
      }
    }),
  );
});
