/** What servers of other kinds get of a chat: fields that they know, and system turns where their templates take them. */
import { ANTHROPIC } from '@cortex/protocol';
import { FakeServer, type FakeServerOptions } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import { TestNeuron } from './test-neuron.ts';

type Members = Readonly<Record<string, unknown>>;

const OLD_EFFORTS: ReadonlySet<unknown> = new Set(['low', 'medium', 'high']);
const CHAT = '/v1/chat/completions';
const QUESTION = { role: 'user', content: 'hi' };

const fake = (refuses?: FakeServerOptions['refuses']): FakeServer =>
  new FakeServer({
    port: 0,
    models: ['tiny'],
    contextTokens: 4096,
    slots: 2,
    hasVision: false,
    refuses,
  });

async function start(server: FakeServer, kind: string, fields: Members = {}): Promise<TestNeuron> {
  const neuron = await TestNeuron.start({
    flags: { harnesses: [{ name: 'other', kind, endpoint: server.url }] },
  });
  await neuron.load({ harness: 'other', ...fields });
  return neuron;
}

/** The chats that the server got, without their model. */
const chatsOf = ({ seen }: FakeServer): readonly Members[] =>
  seen
    .filter(({ path }) => path === CHAT)
    .map(({ bytes }) => {
      const { model, ...rest } = JSON.parse(new TextDecoder().decode(bytes));
      expect(model).toBe('tiny');
      return rest;
    });

describe('thoughts that a client switches off', () => {
  const sent = { messages: [QUESTION], reasoning_effort: 'none' };
  const variables = { enable_thinking: false, thinking: false };
  for (const [kind, added] of [
    ['vllm', { chat_template_kwargs: variables }],
    ['llamacpp', { chat_template_kwargs: variables }],
    ['mistralrs', { enable_thinking: false, reasoning_effort: 'low' }],
    ['openai', {}],
  ] as const) {
    test(`are off in the words of a server of the kind ${kind}`, async () => {
      using server = fake();
      await using neuron = await start(server, kind);

      const answer = await neuron.chat(sent);

      expect(answer.status).toBe(200);
      expect(chatsOf(server)).toEqual([{ ...sent, ...added }]);
    });
  }

  test('are so in a large body, and in the variables that the client has set', async () => {
    using server = fake();
    await using neuron = await start(server, 'vllm', { params: { top_p: 0.5 } });
    const long = 'x'.repeat(2 << 20);
    const messages = [
      { role: 'system', content: 'S' },
      { role: 'user', content: long },
      { role: 'system', content: 'late' },
    ];

    await neuron.chat({
      messages,
      chat_template_kwargs: { a: 1 },
      reasoning_effort: 'none',
    });

    expect(chatsOf(server)).toEqual([
      {
        top_p: 0.5,
        messages: [messages[0], { role: 'user', content: `${long}\n\nlate` }],
        chat_template_kwargs: { ...variables, a: 1 },
        reasoning_effort: 'none',
      },
    ]);
  });
});

describe('a server that refuses a field', () => {
  /** As vLLM before it knew more efforts, started without a configuration of its reasoning. */
  const isOld = ({ reasoning_effort: effort, thinking_token_budget: budget }: Members): boolean =>
    budget !== undefined || (effort !== undefined && !OLD_EFFORTS.has(effort));

  test('gets the nearest effort that it takes, and from then on only that', async () => {
    using server = fake(isOld);
    await using neuron = await start(server, 'vllm');
    const efforts = () => chatsOf(server).map((chat) => chat['reasoning_effort']);

    const answers = [
      await neuron.chat({ reasoning_effort: 'max' }),
      await neuron.chat({ reasoning_effort: 'max' }),
      await neuron.chat({ reasoning_effort: 'none' }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(efforts()).toEqual(['max', 'xhigh', 'high', 'high', 'none', 'low']);
  });

  test('gets no limit of thoughts once it has refused one, in a stream too', async () => {
    using server = fake(isOld);
    await using neuron = await start(server, 'vllm');
    const ask = async () => {
      const body = { stream: true, reasoning_effort: 'medium', thinking_budget_tokens: 9 };
      return await (await neuron.chat(body)).text();
    };

    const texts = [await ask(), await ask()];

    for (const text of texts) {
      expect(text).toContain('"estimated":false');
      expect(text).toMatch(/data: \[DONE\]\n\n$/);
    }
    expect(chatsOf(server).map((chat) => chat['thinking_token_budget'])).toEqual([
      9,
      undefined,
      undefined,
    ]);
  });

  test('gets nothing but the fields of OpenAI from then on', async () => {
    const known = ['messages', 'max_tokens', 'model'];
    using server = fake((body) => Object.keys(body).some((name) => !known.includes(name)));
    await using neuron = await start(server, 'openai');
    const fields = {
      messages: [QUESTION, { role: 'assistant', content: 'So' }],
      max_tokens: 1,
      continue_final_message: true,
      add_generation_prompt: false,
      reasoning_effort: 'none',
      thinking_budget_tokens: 5,
    };

    await neuron.chat(fields);
    const answer = await neuron.chat(fields);

    expect(answer.status).toBe(200);
    expect(chatsOf(server).at(-1)).toEqual({ messages: fields.messages, max_tokens: 1 });
  });

  test('for a prompt that is too long is asked once', async () => {
    using server = fake();
    await using neuron = await start(server, 'openai');
    const messages = [{ role: 'user', content: 'word '.repeat(20_000) }];

    const answer = await neuron.chat({ messages, reasoning_effort: 'max' });

    expect((await answer.json()).error.code).toBe('context_length_exceeded');
    expect(chatsOf(server)).toHaveLength(1);
  });

  test('that refuses the plain request too has its last refusal passed on', async () => {
    using server = fake(() => true);
    await using neuron = await start(server, 'openai');

    const answer = await neuron.chat({ reasoning_effort: 'none' });

    expect(answer.status).toBe(400);
    expect((await answer.json()).error.message).toContain('not for this server');
    expect(chatsOf(server).map((chat) => chat['reasoning_effort'])).toEqual([
      'none',
      'low',
      undefined,
    ]);
  });
});

describe('a system turn inside a conversation', () => {
  const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
  const calls = { role: 'assistant', content: null, tool_calls: [call] };
  const result = { role: 'tool', tool_call_id: 'c1', content: 'r' };
  const system = (content: string) => ({ role: 'system', content });
  const turns = [system('S'), QUESTION, system('agents'), calls, system('reminder'), result];
  const sent = [
    system('S'),
    { role: 'user', content: 'hi\n\nagents' },
    calls,
    result,
    { role: 'user', content: 'reminder' },
  ];
  /** As the template of Qwen3.5. */
  const isRefused = ({ messages }: Members): boolean =>
    Array.isArray(messages) && messages.some(({ role }, at) => at > 0 && role === 'system');

  for (const kind of ['vllm', 'llamacpp', 'mistralrs', 'openai']) {
    test(`is a user turn behind the results on a server of the kind ${kind}`, async () => {
      using server = fake(isRefused);
      await using neuron = await start(server, kind);

      const answer = await neuron.chat({ messages: turns });

      expect(answer.status).toBe(200);
      expect(chatsOf(server)).toEqual([{ messages: sent }]);
    });
  }

  test('leaves the earlier turns as they were when the conversation grows', async () => {
    using server = fake(isRefused);
    await using neuron = await start(server, 'vllm');
    const answered = { role: 'assistant', content: 'done' };

    await neuron.chat({ messages: turns });
    await neuron.chat({ messages: [...turns, answered, QUESTION, system('again')] });

    expect(chatsOf(server)).toEqual([
      { messages: sent },
      { messages: [...sent, answered, { role: 'user', content: 'hi\n\nagain' }] },
    ]);
  });
});

test('a conversation of Claude Code reaches vLLM with its thoughts off and one system turn', async () => {
  using server = fake();
  await using neuron = await start(server, 'vllm');
  const conversation = {
    model: 'claude',
    max_tokens: 5,
    system: [{ type: 'text', text: 'S' }],
    thinking: { type: 'disabled' },
    messages: [
      QUESTION,
      { role: 'system', content: 'agents' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'r' }] },
      { role: 'system', content: 'reminder' },
      { role: 'user', content: 'go on' },
    ],
  };
  const bytes = new TextEncoder().encode(JSON.stringify(conversation));
  const translated = await ANTHROPIC.read(bytes, new Headers());

  await neuron.post(CHAT, new TextDecoder().decode(translated.named('tiny')));

  const [chat] = chatsOf(server);
  expect(chat).toMatchObject({
    reasoning_effort: 'none',
    chat_template_kwargs: { enable_thinking: false },
    messages: [
      { role: 'system', content: 'S' },
      { role: 'user', content: 'hi\n\nagents' },
      { role: 'assistant' },
      { role: 'tool', content: 'r' },
      { role: 'user', content: 'reminder\n\ngo on' },
    ],
  });
});

describe('the tokens of a chat', () => {
  for (const [kind, path] of [
    ['llamacpp', '/apply-template'],
    ['vllm', '/tokenize'],
  ] as const) {
    test(`are counted in the form in which ${kind} gets the chat`, async () => {
      using server = fake();
      await using neuron = await start(server, kind, { params: { reasoning_effort: 'none' } });
      const messages = [QUESTION, { role: 'system', content: 'late' }];

      const answer = await neuron.post('/count-tokens', { model: 'tiny', messages });

      expect(answer.status).toBe(200);
      expect(JSON.parse(server.lastBody(path))).toEqual({
        model: 'tiny',
        messages: [{ role: 'user', content: 'hi\n\nlate' }],
        reasoning_effort: 'none',
        chat_template_kwargs: { enable_thinking: false, thinking: false },
      });
    });
  }
});
