/** Requests as clients of OpenAI and of local servers send them, through the gateway to the real engine. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import OpenAI from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';

import { startUp, type Up } from './start-up.ts';

const MESSAGES = [{ role: 'user', content: "What's the weather in Paris?" }] as const;
const WEATHER = {
  name: 'get_weather',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 20 } },
    required: ['city'],
  },
};

describe('a request through the gateway', () => {
  let up: Up;
  let openai: OpenAI;
  beforeAll(async () => {
    up = await startUp();
    openai = new OpenAI({ baseURL: `${up.api}/v1`, apiKey: 'none', maxRetries: 0 });
  });
  afterAll(() => up[Symbol.asyncDispose]());

  const ask = { model: 'cortex-tiny', messages: [...MESSAGES], temperature: 0, max_tokens: 100 };
  const post = (path: string, body: string | object): Promise<Response> =>
    fetch(up.api + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const answerTo = async (path: string, body: string | object) => (await post(path, body)).json();

  describe('with the deprecated functions field', () => {
    const legacy = { ...ask, functions: [WEATHER], function_call: { name: 'get_weather' } };

    test('is answered with a function_call', async () => {
      const { choices } = await openai.chat.completions.create(legacy);
      const [choice] = choices;

      expect(choice?.finish_reason).toBe('function_call');
      expect(choice?.message.function_call?.name).toBe('get_weather');
      expect(choice?.message.tool_calls).toBeUndefined();
      expect(JSON.parse(choice?.message.function_call?.arguments ?? '')).toHaveProperty('city');
    });

    test('is streamed as deltas of a function_call', async () => {
      const stream = await openai.chat.completions.create({ ...legacy, stream: true });
      let name = '';
      let args = '';
      let finish: string | null = null;
      for await (const { choices } of stream) {
        const [choice] = choices;
        name += choice?.delta.function_call?.name ?? '';
        args += choice?.delta.function_call?.arguments ?? '';
        expect(choice?.delta.tool_calls).toBeUndefined();
        finish = choice?.finish_reason ?? finish;
      }

      expect(name).toBe('get_weather');
      expect(JSON.parse(args)).toHaveProperty('city');
      expect(finish).toBe('function_call');
    });
  });

  test('with allowed_tools calls only an allowed tool', async () => {
    const other = { type: 'function' as const, function: { name: 'other', parameters: {} } };
    const body: ChatCompletionCreateParamsNonStreaming = {
      ...ask,
      tools: [other, { type: 'function', function: WEATHER }],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: {
          mode: 'required',
          tools: [{ type: 'function', function: { name: 'other' } }],
        },
      },
    };
    const { choices } = await openai.chat.completions.create(body);

    expect(choices[0]?.message.tool_calls).toMatchObject([
      { function: { name: 'other', arguments: '{}' } },
    ]);
  });

  test('with several prompts gets its answers in their order', async () => {
    const prompt = ['cortex is', 'neuron is', 'The'];
    const body = { model: 'cortex-tiny', prompt, temperature: 0, echo: true };
    const { choices } = await openai.completions.create(body);
    const texts = ['', '', ''];
    for await (const chunk of await openai.completions.create({ ...body, stream: true }))
      for (const { index, text } of chunk.choices) texts[index] += text;

    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    choices.forEach(({ text }, index) => expect(text).toStartWith(prompt[index] ?? ''));
    expect(texts).toEqual(choices.map(({ text }) => text));
  });

  test('with seeds beyond 2^53 as JSON numbers keeps all digits', async () => {
    const textOf = async (seed: string): Promise<string> => {
      const body = `{"model":"cortex-tiny","prompt":"The","temperature":5,"ignore_eos":true,"seed":${seed}}`;
      return (await answerTo('/v1/completions', body)).choices[0].text;
    };
    const seeds = ['9007199254740992', '9007199254740993', '18446744073709551615'];
    const texts = await Promise.all(seeds.map(textOf));

    expect(new Set(texts).size).toBe(3);
    expect(await textOf('9007199254740993')).toBe(texts[1] ?? '');
  });

  test('with a limit on reasoning reports the number of reasoning tokens', async () => {
    const begun = { role: 'assistant', content: '<think>\nIt' };
    const { usage, choices } = await answerTo('/v1/chat/completions', {
      ...ask,
      messages: [...MESSAGES, begun],
      thinking_budget_tokens: 4,
    });

    expect(usage.completion_tokens_details.reasoning_tokens).toBeLessThan(12);
    expect(choices[0].message.content).not.toBe('');
  });

  test.each([
    ['/v1/chat/completions', { temperature: 'hot' }, 'temperature', 'a number from 0 to 100'],
    ['/v1/chat/completions', { seed: 2 ** 70 }, 'seed', 'a 64-bit integer'],
    ['/v1/chat/completions', { guided_json: {} }, 'guided_json', 'response_format'],
    ['/v1/chat/completions', { n_probs: 3 }, 'n_probs', 'logprobs'],
    ['/v1/chat/completions', { chat_template: 'x' }, 'chat_template', 'not supported'],
    ['/v1/chat/completions', { messages: [{ role: 'x' }] }, 'messages[0].role', '"system"'],
    ['/v1/completions', { prompt: { a: 1 } }, 'prompt', 'a list of token ids'],
    ['/v1/completions', { prompt: 'x', max_tokens: -2 }, 'max_tokens', '-1 for no limit'],
  ])(
    'to %s with %j is refused with the name of %s and its valid values',
    async (path, more, param, words) => {
      const base = path === '/v1/completions' ? { model: 'cortex-tiny' } : ask;
      const answer = await post(path, { ...base, ...more });
      const { error } = await answer.json();

      expect(answer.status).toBe(400);
      expect(error.param).toBe(param);
      expect(error.message).toContain(words);
      expect(error.message).not.toMatch(/Invalid|expected|received/);
    },
  );
});
