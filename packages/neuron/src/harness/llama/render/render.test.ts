import type { StepItem } from '@cortex/engine';
import {
  ChatCompletion,
  ChatCompletionChunk,
  Completion,
  type CompletionUsage,
} from '@cortex/protocol';
import { describe, expect, test } from 'bun:test';

import type { AnswerIdentity, DoneEvent, IncludeUsage } from './answer.ts';
import { createChatAnswer } from './chat-answer.ts';
import { createChatStream } from './chat-stream.ts';
import { createCompletionAnswer } from './completion-answer.ts';
import { createCompletionStream } from './completion-stream.ts';

const IDENTITY: AnswerIdentity = { id: 'chatcmpl-1', created: 1, model: 'org/m "q"' };

const done = (overrides: Partial<DoneEvent> = {}): DoneEvent => ({
  type: 'done',
  finish: [{ reason: 'stop' }],
  usage: { promptTokens: 3, completionTokens: 2, cachedTokens: 0, reasoningTokens: 0 },
  timings: { queueMs: 0, promptMs: 1, decodeMs: 2 },
  ...overrides,
});

const entry = (token: string, bytes = Array.from(Buffer.from(token))) => ({
  token,
  logprob: -1,
  bytes,
});

const parseChunks = (text: string) =>
  text
    .split('\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => ChatCompletionChunk.parse(JSON.parse(event.slice('data: '.length))));

function chatChunks(includeUsage: IncludeUsage, items: readonly StepItem[] = [{ text: 'a' }]) {
  const stream = createChatStream(IDENTITY, { n: 1, includeUsage, callForm: 'tool_calls' });
  return parseChunks(stream.accepted() + stream.items(items) + stream.finish(done()));
}

const usageOf = (chunks: readonly { usage?: CompletionUsage | null | undefined }[]) =>
  chunks.map(({ usage }) => (usage ? usage.total_tokens : usage));

describe('usage on a chat stream', () => {
  test('is part of the finish chunk without include_usage', () => {
    const chunks = chatChunks(undefined);

    expect(usageOf(chunks)).toEqual([undefined, undefined, 5]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('stop');
  });

  test('is a chunk without choices with include_usage: true, and null in the chunks before', () => {
    const chunks = chatChunks(true);

    expect(usageOf(chunks)).toEqual([null, null, null, 5]);
    expect(chunks.at(-1)?.choices).toEqual([]);
  });

  test('is absent with include_usage: false', () => {
    expect(usageOf(chatChunks(false))).toEqual([undefined, undefined, undefined]);
  });
});

describe('a chat stream', () => {
  test('starts with a role chunk for each choice', () => {
    const stream = createChatStream(IDENTITY, {
      n: 2,
      includeUsage: undefined,
      callForm: 'tool_calls',
    });

    const chunks = parseChunks(stream.accepted());

    expect(chunks.map(({ choices }) => choices[0]?.index)).toEqual([0, 1]);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks[0]?.model).toBe(IDENTITY.model);
  });

  test('carries text, reasoning and tool calls in the members of OpenAI', () => {
    const chunks = chatChunks(undefined, [
      { reasoning: 'hm "\n' },
      { text: '🙂' },
      { tool: { index: 0, id: 'call_1', name: 'add', arguments: '' } },
      { tool: { index: 0, arguments: '{"a":1}' } },
    ]);

    expect(chunks.slice(1, 5).map(({ choices }) => choices[0]?.delta)).toEqual([
      { reasoning_content: 'hm "\n' },
      { content: '🙂' },
      {
        tool_calls: [
          { index: 0, id: 'call_1', type: 'function', function: { name: 'add', arguments: '' } },
        ],
      },
      { tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] },
    ]);
  });

  test('names the stop string that matched', () => {
    const stream = createChatStream(IDENTITY, {
      n: 1,
      includeUsage: undefined,
      callForm: 'tool_calls',
    });

    const [chunk] = parseChunks(
      stream.finish(done({ finish: [{ reason: 'stop', matchedStop: '\n\n' }] })),
    );

    expect(chunk?.choices[0]).toMatchObject({ finish_reason: 'stop', stop_reason: '\n\n' });
  });
});

describe('a chat answer that is not streamed', () => {
  test('joins text, reasoning and the arguments of each call', () => {
    const answer = createChatAnswer(IDENTITY, { callForm: 'tool_calls' });
    answer.items([{ reasoning: 'h' }, { reasoning: 'm' }]);
    answer.items([
      { tool: { index: 0, id: 'call_1', name: 'add', arguments: '{"a"' } },
      { tool: { index: 0, arguments: ':1}' } },
    ]);

    const body = ChatCompletion.parse(answer.finish(done({ finish: [{ reason: 'tool_calls' }] })));

    expect(body.choices[0]?.message).toMatchObject({
      content: null,
      reasoning_content: 'hm',
      tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } },
      ],
    });
    expect(body.usage).toEqual({ prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
  });

  test('has the empty string as content when the model generated no text', () => {
    const body = ChatCompletion.parse(
      createChatAnswer(IDENTITY, { callForm: 'tool_calls' }).finish(done()),
    );

    expect(body.choices[0]?.message.content).toBe('');
  });
});

describe('completions', () => {
  test('start with a comment and stream their text', () => {
    const stream = createCompletionStream(IDENTITY, {
      n: 1,
      includeUsage: true,
      callForm: 'tool_calls',
    });

    const text = stream.accepted() + stream.items([{ text: 'a' }]) + stream.finish(done());

    expect(text).toStartWith(': keep-alive\ndata: ');
    const events = text.split('\n').filter((line) => line.startsWith('data: '));
    const chunks = events.map((event) => Completion.parse(JSON.parse(event.slice(6))));
    expect(chunks.map(({ choices }) => choices[0]?.text)).toEqual(['a', '', undefined]);
    expect(chunks.at(-1)?.usage?.total_tokens).toBe(5);
  });

  test('give log probabilities with their offset in the text', () => {
    const answer = createCompletionAnswer(IDENTITY);
    answer.items([
      { text: 'ab', logprobs: [entry('ab')] },
      { text: 'c', logprobs: [entry('c')] },
    ]);

    const body = Completion.parse(answer.finish(done()));

    expect(body.choices[0]).toMatchObject({
      text: 'abc',
      logprobs: { tokens: ['ab', 'c'], text_offset: [0, 2] },
    });
  });
});

test('a completion keeps separate log probabilities for tokens that are parts of one character', () => {
  const [a, b] = [
    entry(String.raw`bytes:\xe4\xbd`, [0xe4, 0xbd]),
    entry(String.raw`bytes:\xa0`, [0xa0]),
  ];
  const answer = createCompletionAnswer(IDENTITY);
  answer.items([{ text: '你', logprobs: [{ ...a, top: [a, b] }, b] }]);
  answer.items([{ text: '!', logprobs: [entry('!')] }]);

  const body = Completion.parse(answer.finish(done()));

  expect(body.choices[0]?.logprobs).toMatchObject({
    tokens: [a.token, b.token, '!'],
    top_logprobs: [{ [a.token]: -1, [b.token]: -1 }, {}, {}],
    text_offset: [0, 0, 1],
  });
});

test('a completion shows the likelier of two tokens with the same text', () => {
  const top = [entry('\n'), { ...entry('\n'), logprob: -9 }];
  const answer = createCompletionAnswer(IDENTITY);
  answer.items([{ text: '\n', logprobs: [{ ...entry('\n'), top }] }]);

  const body = Completion.parse(answer.finish(done()));

  expect(body.choices[0]?.logprobs).toMatchObject({ top_logprobs: [{ '\n': -1 }] });
});

test('usage details that are zero are absent', () => {
  const usage = { promptTokens: 9, completionTokens: 4, cachedTokens: 6, reasoningTokens: 2 };
  const body = ChatCompletion.parse(
    createChatAnswer(IDENTITY, { callForm: 'tool_calls' }).finish(done({ usage })),
  );

  expect(body.usage).toEqual({
    prompt_tokens: 9,
    completion_tokens: 4,
    total_tokens: 13,
    prompt_tokens_details: { cached_tokens: 6 },
    completion_tokens_details: { reasoning_tokens: 2 },
  });
});
