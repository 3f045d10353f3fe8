import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine/engine.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const user = (content: unknown) => ({ role: 'user', content });
const PNG = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
const SCHEMA = {
  type: 'object',
  properties: { size: { enum: ['small', 'large'] } },
  required: ['size'],
  additionalProperties: false,
};

describe('a chat request', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny();
  });
  afterAll(() => engine.close(0));

  test('text parts of a message are joined with line breaks', async () => {
    const parts = [
      { type: 'text', text: 'one' },
      { type: 'text', text: 'two' },
    ];

    expect(await engine.applyTemplate({ messages: [user(parts)] })).toContain('one\ntwo');
  });

  test('the answer continues a last assistant message', async () => {
    const prompt = await engine.applyTemplate({
      messages: [user('What is cortex?'), { role: 'assistant', content: 'It is' }],
    });

    expect(prompt).toEndWith('It is');
  });

  test.each(['<', '|im_end|', 'im_start', 'm', '<think>\nm'])(
    'the prompt ends after a last assistant message %j, not within the next marker',
    async (content) => {
      const begun = [user('What is cortex?'), { role: 'assistant', content }];

      const [prompt, longer] = await Promise.all([
        engine.applyTemplate({ messages: begun }),
        engine.applyTemplate({ messages: [begun[0], { role: 'assistant', content: 'It is' }] }),
      ]);

      expect(prompt).toBe(longer.replace(/It is$/, () => content));
    },
  );

  test('numbers in earlier calls and in tools reach the template with all digits', async () => {
    const call = { name: 'find', arguments: '{"lat": 48.858844, "id": 1234567890123456789}' };
    const bounds = { type: 'number', maximum: 1234567.125, minimum: -1e30 };
    const tool = { name: 'find', parameters: { type: 'object', properties: { lat: bounds } } };

    const prompt = await engine.applyTemplate({
      messages: [
        user('Where?'),
        { role: 'assistant', content: null, tool_calls: [{ type: 'function', function: call }] },
        { role: 'tool', content: 'there' },
      ],
      tools: [{ type: 'function', function: tool }],
    });

    expect(prompt).toContain(call.arguments);
    expect(prompt).toContain('1234567.125');
    expect(prompt).toContain('-1e+30');
  });

  test('tool_choice "required" with response_format calls a tool', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' } } };
    const ask = {
      messages: [user('What is the weather in Paris?')],
      tools: [{ type: 'function', function: { name: 'get_weather', parameters } }],
      response_format: { type: 'json_schema', json_schema: { name: 'size', schema: SCHEMA } },
      temperature: 0,
    };

    const called = await answer(engine, ask);
    const answered = await answer(engine, { ...ask, tool_choice: 'none' });

    expect(called.last).toMatchObject({ finish: [{ reason: 'tool_calls' }] });
    expect(JSON.parse(answered.text)).toEqual({ size: expect.stringMatching(/^(small|large)$/) });
  });

  test('every seed repeats its text', async () => {
    const ask = { messages: [user('Hello')], temperature: 2, ignore_eos: true, max_tokens: 24 };

    for (const seed of [-2, 2 ** 32 - 1, '9007199254740993']) {
      const [first, second] = [
        await answer(engine, { ...ask, seed }),
        await answer(engine, { ...ask, seed }),
      ];

      expect(second.text).toBe(first.text);
    }
  });

  test('arguments of earlier calls reach the template as objects, also with function_call', async () => {
    const call = { name: 'get_weather', arguments: '{"city": "Oslo"}' };
    const today = [
      user('Weather?'),
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'a', type: 'function', function: call }],
      },
      { role: 'tool', tool_call_id: 'a', content: 'sunny' },
    ];
    const legacy = [
      user('Weather?'),
      { role: 'assistant', content: null, function_call: call },
      { role: 'function', name: 'get_weather', content: 'sunny' },
    ];

    const prompt = await engine.applyTemplate({ messages: today });

    expect(prompt).toContain('"arguments": {"city": "Oslo"}');
    expect(await engine.applyTemplate({ messages: legacy })).toBe(prompt);
  });

  test.each([
    [{ messages: [user([PNG])] }, 'vision_unsupported', 'messages[0].content[0]'],
    [
      { messages: [user([{ type: 'input_audio' }])] },
      'unsupported_parameter',
      'messages[0].content[0]',
    ],
    [{ messages: [user([{ type: 'text' }])] }, 'invalid_request', 'messages[0].content[0].text'],
    [
      { messages: [user('x')], logit_bias: { '9999999': 1 } },
      'invalid_request',
      'logit_bias.9999999',
    ],
    [{ prompt: 'x', tools: [{ type: 'function' }] }, 'unsupported_parameter', 'tools'],
    [
      { prompt: 'x', response_format: { type: 'json_object' } },
      'unsupported_parameter',
      'response_format',
    ],
    [{ messages: [user('x')], stop: 'y'.repeat(1_000_000) }, 'invalid_request', 'stop'],
  ])('invalid body %# is refused by the name of the field', async (body, code, param) => {
    const { last } = await answer(engine, body, 'prompt' in body ? 'completions' : 'chat');

    expect(last).toMatchObject({ type: 'error', code, param });
  });

  test('a schema is enforced after reasoning that the prompt has opened', async () => {
    const { text } = await answer(engine, {
      messages: [user('How large is it?'), { role: 'assistant', content: '<think>\nIt' }],
      response_format: { type: 'json_schema', json_schema: { name: 'size', schema: SCHEMA } },
      logit_bias: await closeThought(engine),
      temperature: 0,
    });

    expect(SCHEMA.properties.size.enum).toContain(JSON.parse(text).size);
  });

  test('a prompt that is far too long for the context is refused quickly', async () => {
    const { last } = await answer(engine, { messages: [user('word '.repeat(100_000))] });

    expect(last).toMatchObject({
      type: 'error',
      code: 'context_length_exceeded',
      param: 'messages',
    });
  });
});

test('a token count uses the params of the model as a chat does', async () => {
  const engine = await loadTiny({ params: { enable_thinking: true } });
  const ask = { messages: [user('Hello')], max_tokens: 1 };
  const { last } = await answer(engine, ask);

  expect(last).toMatchObject({ usage: { promptTokens: await engine.count(ask) } });
  expect(await engine.count(ask)).not.toBe(await engine.count({ ...ask, enable_thinking: false }));
  await engine.close(0);
});

/** Makes the end of reasoning likely. A model with little training reasons endlessly. */
async function closeThought(engine: Engine): Promise<Record<string, number>> {
  const tokens = await engine.tokenize('</think>', { addSpecial: false, parseSpecial: true });
  return Object.fromEntries(tokens.map((token) => [String(token), 8]));
}
