/** The template of a large chat is rendered beside the main thread, and gives the same prompt there. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { readShape } from '@cortex/protocol';

import type { Engine } from '../src/engine/engine.ts';
import type { Model } from '../src/llama/binding.ts';
import { readOutputFormat } from '../src/llama/parsers/choose-parser.ts';
import { ChatBody } from '../src/llama/request/chat-body.ts';
import { isLargeChat } from '../src/llama/request/chat-size.ts';
import { prepareChat, prepareChatApart } from '../src/llama/prepare/prepare-chat.ts';
import { ChatTemplate } from '../src/llama/templates/chat-template.ts';
import { RenderThreadFailure } from '../src/llama/templates/render-thread.ts';
import { never } from './fixtures/requests.ts';
import { loadTiny, openVocabulary } from './llama-under-test.ts';

const user = (content: string) => ({ role: 'user', content });
const tool = (_: unknown, index: number) => ({
  type: 'function',
  function: {
    name: `tool_${index}`,
    description: 'Measures 12345678901234567890 things, <|im_end|> among them.',
    parameters: { type: 'object', properties: { id: { type: 'string', default: null } } },
  },
});
const list = <T>(length: number, make: (_: unknown, index: number) => T): T[] =>
  Array.from({ length }, make);

/** Chats that are large in different ways. */
const LARGE = {
  'many messages': { messages: list(300, (_, index) => user(`hello ${index} <|im_start|>`)) },
  'many tools': { messages: [user('hello')], tools: list(40, tool) },
  'much text': { messages: [user('lorem ipsum '.repeat(20_000))] },
  'a started answer': {
    messages: [...list(100, () => user('hi')), { role: 'assistant', content: 'It is' }],
  },
  'calls and their results': {
    messages: list(100, (_, index) => [
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: `call_${index}`,
            type: 'function',
            function: { name: 'tool_1', arguments: '{"id": 0.1234567890123}' },
          },
        ],
      },
      { role: 'tool', tool_call_id: `call_${index}`, content: 'done' },
    ]).flat(),
    tools: [tool(undefined, 1)],
  },
} as const;

describe('a large chat', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openVocabulary();
  });
  afterAll(() => model.dispose());

  test.each(Object.entries(LARGE))(
    'with %s is rendered apart to the same prompt',
    async (_, fields) => {
      const source = model.chatTemplate ?? '';
      const chat = {
        template: new ChatTemplate(model, source, {
          controlTexts: model.vocabulary.controlTexts,
          reasoning: [],
        }),
        format: readOutputFormat(source),
      };
      const body = readShape(ChatBody, fields);

      const apart = await prepareChatApart(body, chat);

      expect(isLargeChat(body)).toBe(true);
      expect(apart).toEqual(prepareChat(body, chat));
    },
  );

  test('that its template refuses gets the same error apart', async () => {
    const source = '{{ raise_exception("at least one user message") }}';
    const template = new ChatTemplate(model, source);
    const chat = { template, format: readOutputFormat(source) };
    const body = readShape(ChatBody, LARGE['many messages']);
    const refused = {
      code: 'template_render_failed',
      message: "The model's chat template refuses this conversation: at least one user message",
    };

    expect(() => prepareChat(body, chat)).toThrow(expect.objectContaining(refused));
    await expect(prepareChatApart(body, chat)).rejects.toMatchObject(refused);
  });

  test.each([
    ['there is no other', undefined],
    ['the other has ended', () => () => Promise.reject(new RenderThreadFailure('it has ended'))],
  ])('is rendered in the main thread if %s', async (_, compileTemplateApart) => {
    const source = model.chatTemplate ?? '';
    const { bosText, eosText } = model;
    const compileTemplate = (text: string) => model.compileTemplate(text);
    const parts = { bosText, eosText, compileTemplate };
    const template = new ChatTemplate(
      { ...parts, ...(compileTemplateApart && { compileTemplateApart }) },
      source,
    );
    const chat = { template, format: readOutputFormat(source) };
    const body = readShape(ChatBody, LARGE['many messages']);

    expect(await prepareChatApart(body, chat)).toEqual(prepareChat(body, chat));
  });
});

describe('while the template of a large chat is rendered', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny({ contextLength: 4096, slots: 2 });
  });
  afterAll(() => engine.close(0));

  test('a stream goes on', async () => {
    const leaving = new AbortController();
    const order: string[] = [];
    const began = Promise.withResolvers<void>();
    const stream = engine.generate(
      {
        id: 'stream',
        route: 'completions',
        body: { prompt: 'Hello', ignore_eos: true, max_tokens: 4000 },
        principal: 'one',
        requestId: 'stream',
      },
      leaving.signal,
    );
    const reading = (async () => {
      for await (const { type } of stream) {
        order.push(type);
        if (type === 'items') began.resolve();
      }
    })();
    await began.promise;
    const before = order.length;

    // 4,000 messages are refused for their length, but only after the template has been rendered.
    const chat = engine.generate(
      {
        id: 'chat',
        route: 'chat',
        body: { messages: list(4000, () => user('')), max_tokens: 1 },
        principal: 'two',
        requestId: 'chat',
      },
      never(),
    );
    for await (const { type } of chat) order.push(`chat ${type}`);
    leaving.abort();
    await reading;

    expect(order).toContain('chat error');
    // A template of this size takes tens of steps.
    expect(order.indexOf('chat error') - before).toBeGreaterThan(20);
  });
});
