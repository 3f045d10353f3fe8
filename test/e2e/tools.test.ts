import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import Ajv from 'ajv';
import OpenAI from 'openai';
import type {
  ChatCompletion,
  ChatCompletionCreateParams,
  ChatCompletionMessageFunctionToolCall,
} from 'openai/resources/chat/completions';

import { startUp, type Up } from './start-up.ts';

const ajv = new Ajv();

// Bounded, because a tiny model that must answer with a text or a number may not end it.
const parameters = {
  weather: {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 20 } },
    required: ['city'],
    additionalProperties: false,
  },
  add: {
    type: 'object',
    properties: {
      a: { type: 'integer', minimum: 0, maximum: 999 },
      b: { type: 'integer', minimum: 0, maximum: 999 },
    },
    required: ['a', 'b'],
    additionalProperties: false,
  },
};
type Tools = NonNullable<ChatCompletionCreateParams['tools']>;
const GET_WEATHER: Tools[number] = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Get the current weather for a city',
    parameters: parameters.weather,
  },
};
const ADD: Tools[number] = {
  type: 'function',
  function: { name: 'add', description: 'Add two numbers', parameters: parameters.add },
};
const BOTH: Tools = [GET_WEATHER, ADD];

const WEATHER = [{ role: 'user', content: "What's the weather in Paris?" }] as const;
const CORTEX = [{ role: 'user', content: 'What is cortex?' }] as const;

type Asked = Partial<ChatCompletionCreateParams> & {
  readonly messages: ChatCompletionCreateParams['messages'];
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>>;
};

/** Members of a message that the SDK does not define. */
type Message = ChatCompletion['choices'][number]['message'] & {
  readonly reasoning_content?: string | null;
};

describe.each(['whole', 'streamed'] as const)('cortex-tiny, in an answer that is %s,', (way) => {
  let up: Up;
  let client: OpenAI;
  beforeAll(async () => {
    up = await startUp();
    client = new OpenAI({ baseURL: `${up.api}/v1`, apiKey: 'none' });
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  async function ask(asked: Asked): Promise<{ message: Message; finish: string }> {
    const body = { model: 'cortex-tiny', temperature: 0, ...asked };
    if (way === 'whole') {
      const { choices } = await client.chat.completions.create({ ...body, stream: false });
      return { message: choices[0]?.message as Message, finish: choices[0]?.finish_reason ?? '' };
    }
    // The SDK merges the deltas, except for members that it does not define.
    const stream = client.chat.completions.stream({ ...body, stream: true });
    let reasoning = '';
    for await (const { choices } of stream) {
      reasoning += Object(choices[0]?.delta).reasoning_content ?? '';
    }
    const [choice] = (await stream.finalChatCompletion()).choices;
    const message = { ...choice?.message, reasoning_content: reasoning } as Message;
    return { message, finish: choice?.finish_reason ?? '' };
  }

  const callsOf = ({ tool_calls: calls }: Message) =>
    (calls ?? []).map((call) => (call as ChatCompletionMessageFunctionToolCall).function);

  test('calls the required tool and answers with its result', async () => {
    const { message, finish } = await ask({ messages: [...WEATHER], tools: [GET_WEATHER] });
    const [call] = message.tool_calls ?? [];
    const result = {
      role: 'tool',
      tool_call_id: call?.id ?? '',
      content: '{"temperature": 21, "condition": "sunny"}',
    } as const;
    const { message: answer } = await ask({
      messages: [...WEATHER, message, result],
      tools: [GET_WEATHER],
    });

    expect(finish).toBe('tool_calls');
    expect(callsOf(message)).toEqual([{ name: 'get_weather', arguments: expect.any(String) }]);
    expect(JSON.parse(callsOf(message)[0]?.arguments ?? '')).toEqual({ city: 'Paris' });
    expect(call?.id).toMatch(/^call_\w+$/);
    expect(answer.content).toMatch(/21|sunny/);
  });

  test('calls no tool with tool_choice "none"', async () => {
    const { message, finish } = await ask({
      messages: [...WEATHER],
      tools: BOTH,
      tool_choice: 'none',
    });

    expect(callsOf(message)).toEqual([]);
    expect(message.content).toMatch(/\S/);
    expect(finish).toBe('stop');
  });

  test('calls a tool with tool_choice "required", even when none is needed', async () => {
    const { message, finish } = await ask({
      messages: [...CORTEX],
      tools: BOTH,
      tool_choice: 'required',
      parallel_tool_calls: false,
    });

    const calls = callsOf(message);
    expect(calls).toHaveLength(1);
    expect(['get_weather', 'add']).toContain(calls[0]?.name ?? '');
    expect(finish).toBe('tool_calls');
  });

  test('calls the tool that tool_choice names, with arguments that match its schema', async () => {
    const { message } = await ask({
      messages: [...WEATHER],
      tools: BOTH,
      tool_choice: { type: 'function', function: { name: 'add' } },
    });

    const calls = callsOf(message);
    expect(calls.map(({ name }) => name)).toEqual(['add']);
    expect(ajv.validate(parameters.add, JSON.parse(calls[0]?.arguments ?? ''))).toBe(true);
  });

  test('returns reasoning on request, separate from the answer', async () => {
    const thinking = { chat_template_kwargs: { enable_thinking: true } };

    const thought = (await ask({ messages: [...CORTEX], ...thinking })).message;
    const plain = (await ask({ messages: [...CORTEX] })).message;

    expect(thought.reasoning_content).toMatch(/\S/);
    expect(thought.content).toMatch(/\S/);
    expect(`${thought.content}${thought.reasoning_content}`).not.toContain('think>');
    expect(plain.reasoning_content ?? '').toBe('');
  });

  test('follows a JSON schema', async () => {
    const schema = {
      type: 'object',
      properties: {
        answer: { type: 'string', maxLength: 60 },
        sure: { type: 'boolean' },
        tags: { type: 'array', items: { enum: ['gateway', 'node', 'model'] }, maxItems: 2 },
      },
      required: ['answer', 'sure', 'tags'],
      additionalProperties: false,
    };

    const { message, finish } = await ask({
      messages: [...CORTEX],
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', strict: true, schema },
      },
    });

    expect(finish).toBe('stop');
    expect(ajv.validate(schema, JSON.parse(message.content ?? ''))).toBe(true);
  });
});
