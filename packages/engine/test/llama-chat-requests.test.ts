import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Engine } from '../src/engine.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const user = (content: unknown) => ({ role: 'user', content });
const PNG = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
const SCHEMA = {
  type: 'object',
  properties: { size: { enum: ['small', 'large'] } },
  required: ['size'],
  additionalProperties: false,
};

describe('a chat', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadTiny();
  });
  afterAll(() => engine.close(0));

  test('parts of text are lines of one text', async () => {
    const parts = [
      { type: 'text', text: 'one' },
      { type: 'text', text: 'two' },
    ];

    expect(await engine.applyTemplate({ messages: [user(parts)] })).toContain('one\ntwo');
  });

  test('an answer that was begun goes on where it ends', async () => {
    const prompt = await engine.applyTemplate({
      messages: [user('What is cortex?'), { role: 'assistant', content: 'It is' }],
    });

    expect(prompt).toEndWith('It is');
  });

  test('arguments of earlier calls reach the template as objects, the legacy form too', async () => {
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
    [{ messages: [user('x')], stop: 'y'.repeat(1_000_000) }, 'invalid_request', 'stop'],
  ])('%# is refused by name', async (body, code, param) => {
    const { last } = await answer(engine, body);

    expect(last).toMatchObject({ type: 'error', code, param });
  });

  test('a schema holds behind reasoning that the prompt has opened', async () => {
    const { text } = await answer(engine, {
      messages: [user('How large is it?'), { role: 'assistant', content: '<think>\nIt' }],
      response_format: { type: 'json_schema', json_schema: { name: 'size', schema: SCHEMA } },
      logit_bias: await closeThought(engine),
      temperature: 0,
    });

    expect(SCHEMA.properties.size.enum).toContain(JSON.parse(text).size);
  });

  test('a prompt of more tokens than any context is refused quickly', async () => {
    const { last } = await answer(engine, { messages: [user('word '.repeat(100_000))] });

    expect(last).toMatchObject({
      type: 'error',
      code: 'context_length_exceeded',
      param: 'messages',
    });
  });
});

/** Makes the end of a thought likely: a model that is hardly trained thinks on and on. */
async function closeThought(engine: Engine): Promise<Record<string, number>> {
  const tokens = await engine.tokenize('</think>', { addSpecial: false, parseSpecial: true });
  return Object.fromEntries(tokens.map((token) => [String(token), 8]));
}
