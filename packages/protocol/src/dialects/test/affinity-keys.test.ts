/** The affinity keys of requests whose API is translated (behaviour 40). */
import { describe, expect, test } from 'bun:test';

import type { Dialect } from '../dialect.ts';
import { ANTHROPIC } from '../anthropic/anthropic.ts';
import { OLLAMA_CHAT, OLLAMA_EMBED, OLLAMA_GENERATE } from '../ollama/ollama.ts';
import { OPENAI } from '../openai/pass-through.ts';
import { RESPONSES } from '../responses/responses.ts';

/** System text, then what user and model say in turns. */
type Talk = readonly [system: string, ...turns: string[]];

const roleOf = (at: number): string => (at % 2 === 0 ? 'user' : 'assistant');

const messages = (turns: readonly string[]): readonly object[] =>
  turns.map((content, at) => ({ role: roleOf(at), content }));

/** Each route, and a conversation as its clients write it. */
const ROUTES: readonly (readonly [string, Dialect, (talk: Talk) => object])[] = [
  [
    '/v1/messages',
    ANTHROPIC,
    ([system, ...turns]) => ({
      // Claude Code's first line is another one in each request.
      system: [
        { type: 'text', text: `x-anthropic-billing-header: cch=${turns.length};` },
        { type: 'text', text: system },
      ],
      messages: messages(turns),
    }),
  ],
  [
    '/v1/responses',
    RESPONSES,
    ([instructions, ...turns]) => ({ instructions, input: messages(turns) }),
  ],
  [
    '/api/chat',
    OLLAMA_CHAT,
    ([system, ...turns]) => ({
      messages: [{ role: 'system', content: system }, ...messages(turns)],
    }),
  ],
  ['/api/generate', OLLAMA_GENERATE, ([system, prompt]) => ({ system, prompt })],
];

async function keyOf(
  dialect: Dialect,
  body: object,
  headers: Record<string, string> = {},
): Promise<string | undefined> {
  const bytes = new TextEncoder().encode(JSON.stringify({ model: 'm', ...body }));
  return (await dialect.read(bytes, new Headers(headers))).view.affinityKey();
}

const TALK: Talk = ['You are an agent.', 'What is cortex?'];

describe.each(ROUTES)('The affinity key of %s', (path, dialect, toBody) => {
  test('is the same for the same conversation, and that of the same conversation in OpenAI’s API', async () => {
    const [system, ...turns] = TALK;
    const key = await keyOf(dialect, toBody(TALK));

    expect(key).toStartWith('text:');
    expect(await keyOf(dialect, { ...toBody(TALK), temperature: 0.5 })).toBe(key);
    expect(
      await keyOf(OPENAI, {
        messages: [{ role: 'system', content: system }, ...messages(turns)],
      }),
    ).toBe(key);
  });

  test('is another one for another first user turn, or another system text', async () => {
    const key = await keyOf(dialect, toBody(TALK));

    expect(await keyOf(dialect, toBody([TALK[0], 'What is neuron?']))).not.toBe(key);
    expect(await keyOf(dialect, toBody(['You are a cook.', ...TALK.slice(1)]))).not.toBe(key);
  });

  // A body of /api/generate is one turn.
  if (path !== '/api/generate') {
    test('stays the same in the second turn', async () => {
      const key = await keyOf(dialect, toBody(TALK));

      expect(await keyOf(dialect, toBody([...TALK, 'A gateway.', 'And neuron?']))).toBe(key);
    });
  }

  test('is made of the first 4 KiB of each text', async () => {
    const long = 'é'.repeat(2048);
    const key = await keyOf(dialect, toBody([long, long]));

    expect(await keyOf(dialect, toBody([`${long}a`, `${long}b`]))).toBe(key);
    expect(await keyOf(dialect, toBody([long, `b${long}`]))).not.toBe(key);
  });

  test('is that of the session, before that of a field and of the text', async () => {
    const body = toBody(TALK);
    const byUser = await keyOf(dialect, { ...body, metadata: { user_id: 'a' }, user: 'b' });

    expect(byUser).toStartWith('session:');
    expect(await keyOf(dialect, { ...body, prompt_cache_key: 'a', user: 'b' })).toBe(byUser);
    expect(await keyOf(dialect, { ...body, user: 'a' })).toBe(byUser);
    expect(await keyOf(dialect, { ...body, user: 'b' }, { 'x-session-id': 'a' })).toBe(byUser);
    expect(await keyOf(dialect, { ...body, user: 'b' })).not.toBe(byUser);
  });
});

describe('The affinity key of a request without a conversation', () => {
  test('is that of its prompt where no template is used', async () => {
    const raw = (prompt: string): object => ({ prompt, raw: true });
    const key = await keyOf(OLLAMA_GENERATE, raw('a'));

    expect(key).toBe(await keyOf(OPENAI, { prompt: 'a' }));
    expect(await keyOf(OLLAMA_GENERATE, raw('b'))).not.toBe(key);
  });

  test('is undefined, or that of its session', async () => {
    expect(await keyOf(OLLAMA_CHAT, {})).toBeUndefined();
    expect(await keyOf(OLLAMA_EMBED, { input: 'a' })).toBeUndefined();
    expect(await keyOf(OLLAMA_EMBED, { input: 'a' }, { 'x-session-id': 's' })).toStartWith(
      'session:',
    );
  });
});
