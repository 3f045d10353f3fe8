import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';

import { CortexError } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { OLLAMA_CHAT } from './ollama.ts';
import type { OllamaRequest } from './ollama-request.ts';
import { readOllamaChat } from './read-chat.ts';

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

function bodyOf(request: OllamaRequest): JsonObject {
  if (request.kind !== 'answer') throw new Error(`no body: ${request.kind}`);
  const body: unknown = JSON.parse(new TextDecoder().decode(request.body.named('m')));
  if (!isJsonObject(body)) throw new Error('not an object');
  return body;
}

/** What the node gets for a chat with these members. */
const sent = (members: JsonObject): JsonObject =>
  bodyOf(readOllamaChat({ model: 'x', messages: [{ role: 'user', content: 'hi' }], ...members }));
const messages = (...list: readonly JsonObject[]): unknown => sent({ messages: list })['messages'];

function errorOf(run: () => unknown): CortexError {
  try {
    run();
  } catch (error) {
    if (error instanceof CortexError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('A chat', () => {
  test('is streamed with its usage unless it says otherwise', () => {
    expect(sent({})).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(sent({ stream: null })).toMatchObject({ stream: true });
    expect(sent({ stream: false })).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
    });
  });

  test('keeps the name of its model as the client wrote it', () => {
    const chat = { messages: [{ role: 'user', content: 'hi' }] };

    expect(readOllamaChat({ ...chat, model: 'qwen3:latest' }).model).toBe('qwen3:latest');
    expect(readOllamaChat({ ...chat, model: '' }).model).toBeUndefined();
    expect(readOllamaChat(chat).model).toBeUndefined();
  });

  test.each<[string, JsonObject, 'load' | 'unload']>([
    ['no messages', {}, 'load'],
    ['an empty list', { messages: [] }, 'load'],
    ['a time to keep the model', { messages: [], keep_alive: '10m' }, 'load'],
    ['a negative time', { keep_alive: -1 }, 'load'],
    ['a time of 0', { messages: [], keep_alive: 0 }, 'unload'],
    ['a time of 0 with a unit', { keep_alive: '0s' }, 'unload'],
    ['a time of 0 as a fraction', { keep_alive: '0.0m' }, 'unload'],
  ])('without a prompt only loads or unloads: %s', (_, body, kind) => {
    expect(readOllamaChat({ model: 'x', stream: false, ...body })).toEqual({
      kind,
      model: 'x',
      stream: false,
    });
  });

  test('has options as the fields of a node', () => {
    const options = {
      temperature: 0.5,
      top_p: 0.9,
      top_k: 20,
      min_p: 0.05,
      num_predict: 64,
      stop: ['\n', '###'],
      seed: 7,
      repeat_penalty: 1.1,
      presence_penalty: 0.2,
      frequency_penalty: 0.3,
    };

    expect(sent({ options })).toMatchObject({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 20,
      min_p: 0.05,
      max_tokens: 64,
      stop: ['\n', '###'],
      seed: 7,
      repeat_penalty: 1.1,
      presence_penalty: 0.2,
      frequency_penalty: 0.3,
    });
  });

  test('sends nothing of options that nodes do not know, that are null or that say nothing', () => {
    const options = {
      num_ctx: 8192,
      num_gpu: 99,
      mirostat: 1,
      use_mmap: true,
      temperature: null,
      stop: [],
    };

    expect(sent({ options, keep_alive: '5m', stream: false })).toEqual(sent({ stream: false }));
    expect(sent({ options: null, stream: false })).toEqual(sent({ stream: false }));
  });

  test.each(['9007199254740993', '-9223372036854775808', '18446744073709551615', '7', '-1'])(
    'has all digits of the seed %s',
    async (seed) => {
      const text = `{"model":"x","messages":[{"role":"user","content":"hi"}],"options":{"seed":${seed}}}`;

      const body = await OLLAMA_CHAT.read(new TextEncoder().encode(text), new Headers());

      expect(new TextDecoder().decode(body.named('m'))).toEndWith(`"seed":${seed}}`);
    },
  );

  test.each(['18446744073709551616', '-9223372036854775809', '1.5', '"7"', 'true', '{}', '1e30'])(
    'is refused with the seed %s',
    async (seed) => {
      const text = `{"model":"x","messages":[{"role":"user","content":"hi"}],"options":{"seed":${seed}}}`;

      const read = OLLAMA_CHAT.read(new TextEncoder().encode(text), new Headers());

      await expect(read).rejects.toMatchObject({
        code: 'invalid_request',
        message: '"options.seed" must be a whole number of 64 bits.',
      });
    },
  );

  test.each([-1, -2, 0])('has no limit for num_predict %i', (limit) => {
    expect(sent({ options: { num_predict: limit } })).not.toHaveProperty('max_tokens');
  });

  test.each<[unknown, JsonObject]>([
    [true, { reasoning_effort: 'medium' }],
    [false, { reasoning_effort: 'none' }],
    ['high', { reasoning_effort: 'high' }],
    ['', {}],
    [null, {}],
  ])('thinks as %p says', (think, expected) => {
    expect(sent({ think, stream: false })).toEqual({ ...sent({ stream: false }), ...expected });
  });

  test('is answered in the form that it asks for', () => {
    const schema = { type: 'object', properties: { age: { type: 'integer' } } };

    expect(sent({ format: 'json' })).toMatchObject({ response_format: { type: 'json_object' } });
    expect(sent({ format: schema })).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { schema } },
    });
    expect(sent({ format: '' })).not.toHaveProperty('response_format');
  });

  test('has its tools in their order, also those without parameters', () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' } } };
    const tools = [
      { type: 'function', function: { name: 'g', description: 'Tells.', parameters } },
      { function: { name: 'f' } },
    ];

    expect(sent({ tools })['tools']).toEqual([
      { type: 'function', function: { name: 'g', description: 'Tells.', parameters } },
      { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } },
    ]);
    expect(sent({ tools: [] })).not.toHaveProperty('tools');
  });

  test.each<[JsonObject, string, string]>([
    [{ messages: 'hi' }, 'messages', '"messages" must be a list.'],
    [{ messages: [{ content: 'hi' }] }, 'messages[0].role', '"messages[0].role" is missing.'],
    [
      { messages: [{ role: 'bot', content: 'hi' }] },
      'messages[0].role',
      '"messages[0].role" must be "system", "user", "assistant" or "tool".',
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      'messages[0].content',
      '"messages[0].content" must be a string.',
    ],
    [
      { options: { temperature: 'hot' } },
      'options.temperature',
      '"options.temperature" must be a number.',
    ],
    [{ format: 'yaml' }, 'format', '"format" must be "json" or a JSON schema.'],
    [
      { think: 'hard' },
      'think',
      '"think" must be true, false or one of none, minimal, low, medium, high, xhigh, max.',
    ],
    [{ stream: 'no' }, 'stream', '"stream" must be true or false.'],
    [
      { tools: [{ function: { name: '' } }] },
      'tools[0].function.name',
      '"tools[0].function.name" must not be empty.',
    ],
    [
      { messages: [{ role: 'user', content: '', images: ['aGVsbG8gd29ybGQhIQ=='] }] },
      'messages[0].images[0]',
      '"messages[0].images[0]" must be the base64 of a PNG, JPEG, GIF, WebP, BMP, TIFF, AVIF or HEIC image.',
    ],
  ])('is refused by name: %j', (members, param, message) => {
    const error = errorOf(() => sent(members));

    expect([error.code, error.details.param, error.message]).toEqual([
      'invalid_request',
      param,
      message,
    ]);
  });
});

const url = (image: string): unknown =>
  messages({ role: 'user', content: 'What is it?', images: [image] });
const withUrl = (address: string): unknown => [
  {
    role: 'user',
    content: [
      { type: 'image_url', image_url: { url: address } },
      { type: 'text', text: 'What is it?' },
    ],
  },
];
const base64 = (head: readonly number[]): string =>
  btoa(String.fromCharCode(...head, ...Array(16).fill(1)));
const ascii = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));

describe('Images', () => {
  test.each<[string, readonly number[]]>([
    ['image/png', [0x89, ...ascii('PNG\r\n\x1a\n')]],
    ['image/jpeg', [0xff, 0xd8, 0xff, 0xe0]],
    ['image/gif', ascii('GIF89a')],
    ['image/webp', [...ascii('RIFF'), 1, 2, 3, 4, ...ascii('WEBPVP8 ')]],
    ['image/bmp', ascii('BM')],
    ['image/tiff', [...ascii('II*'), 0]],
    ['image/avif', [0, 0, 0, 0x20, ...ascii('ftypavif')]],
    ['image/heic', [0, 0, 0, 0x20, ...ascii('ftypheic')]],
  ])('are %s by their first bytes', (type, head) => {
    const image = base64(head);

    expect(url(image)).toEqual(withUrl(`data:${type};base64,${image}`));
  });

  test('may have line breaks, and may be a data URI', () => {
    const broken = `${PNG.slice(0, 40)}\r\n${PNG.slice(40)}\n`;

    expect(url(broken)).toEqual(withUrl(`data:image/png;base64,${PNG}`));
    expect(url(`data:image/png;base64,${PNG}`)).toEqual(withUrl(`data:image/png;base64,${PNG}`));
  });

  test('may stand alone', () => {
    expect(messages({ role: 'user', content: '', images: [PNG] })).toEqual([
      {
        role: 'user',
        content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }],
      },
    ]);
  });
});

const call = (name: string, args: unknown, id?: string): JsonObject => ({
  id,
  function: { name, arguments: args },
});

const idsOf = (...list: readonly JsonObject[]): unknown[] => {
  const sentMessages: unknown = messages(...list);
  if (!Array.isArray(sentMessages)) throw new Error('no messages');
  return sentMessages.map((message: JsonObject) =>
    Array.isArray(message['tool_calls'])
      ? message['tool_calls'].map(({ id }: JsonObject) => id)
      : message['tool_call_id'],
  );
};
const assistant = (...calls: readonly JsonObject[]): JsonObject => ({
  role: 'assistant',
  content: '',
  tool_calls: calls,
});
const result = (members: JsonObject = {}): JsonObject => ({
  role: 'tool',
  content: '5',
  ...members,
});

describe('A history', () => {
  const asked = { role: 'user', content: 'Weather?' };

  test('has thoughts, and calls whose arguments are text', () => {
    const turn = {
      role: 'assistant',
      content: '',
      thinking: 'Look.',
      tool_calls: [call('get_weather', { city: 'Oslo', days: 3 })],
    };

    expect(messages(asked, turn)).toEqual([
      asked,
      {
        role: 'assistant',
        content: null,
        reasoning_content: 'Look.',
        tool_calls: [
          {
            id: 'call_0',
            type: 'function',
            function: { name: 'get_weather', arguments: '{"city":"Oslo","days":3}' },
          },
        ],
      },
    ]);
  });

  test.each<[string, readonly JsonObject[], readonly unknown[]]>([
    [
      'by name',
      [
        assistant(call('f', {}), call('g', {})),
        result({ tool_name: 'g' }),
        result({ tool_name: 'f' }),
      ],
      [['call_0', 'call_1'], 'call_1', 'call_0'],
    ],
    [
      'by the older name of the name',
      [assistant(call('f', {}), call('g', {})), result({ name: 'g' })],
      [['call_0', 'call_1'], 'call_1'],
    ],
    [
      'in order, for calls of one name',
      [
        assistant(call('f', {}), call('f', {})),
        result({ tool_name: 'f' }),
        result({ tool_name: 'f' }),
      ],
      [['call_0', 'call_1'], 'call_0', 'call_1'],
    ],
    [
      'in order, without a name',
      [assistant(call('f', {}), call('g', {})), result(), result()],
      [['call_0', 'call_1'], 'call_0', 'call_1'],
    ],
    [
      'by id',
      [
        assistant(call('f', {}, 'a'), call('f', {}, 'b')),
        result({ tool_call_id: 'b', tool_name: 'f' }),
      ],
      [['a', 'b'], 'b'],
    ],
    [
      'of the last turn that called',
      [assistant(call('f', {})), assistant(call('f', {})), result({ tool_name: 'f' })],
      [['call_0'], ['call_1'], 'call_1'],
    ],
    [
      'that has been cut off',
      [result({ tool_name: 'f' }), assistant(call('f', {}))],
      ['call_0', ['call_1']],
    ],
  ])('has results that belong to calls %s', (_, list, expected) => {
    expect(idsOf(...list)).toEqual([...expected]);
  });

  test('has images of results in a message of the user behind all results', () => {
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } };

    expect(
      messages(
        asked,
        assistant(call('f', {}), call('g', {})),
        result({ tool_name: 'f', content: 'Seen.', images: [PNG] }),
        result({ tool_name: 'g', content: '', images: [PNG] }),
        { role: 'user', content: 'And?' },
      ),
    ).toMatchObject([
      asked,
      { role: 'assistant' },
      { role: 'tool', tool_call_id: 'call_0', content: 'Seen.' },
      { role: 'tool', tool_call_id: 'call_1', content: 'The result is the image below.' },
      { role: 'user', content: [image, image] },
      { role: 'user', content: 'And?' },
    ]);
    expect(
      messages(assistant(call('f', {})), result({ content: null, images: [PNG] })),
    ).toMatchObject([{}, { content: 'The result is the image below.' }, { content: [image] }]);
  });

  test('never has two calls with one id', () => {
    expect(
      idsOf(
        assistant(call('f', {}, 'a'), call('f', {}, 'a'), call('f', {}), call('f', {}, 'call_2')),
      ),
    ).toEqual([['a', 'call_1', 'call_2', 'call_3']]);
  });

  test('gives arguments that were no object back as the model wrote them', () => {
    const text = '{"a": tru';

    expect(messages(assistant(call('f', { _raw_arguments: text })))).toMatchObject([
      { tool_calls: [{ function: { arguments: text } }] },
    ]);
    expect(messages(assistant(call('f', '{"a": 1}'), call('g', null)))).toMatchObject([
      { tool_calls: [{ function: { arguments: '{"a": 1}' } }, { function: { arguments: '{}' } }] },
    ]);
  });

  test('that goes on is the same up to there', () => {
    const text = fc.constantFrom('', 'a', 'b\n');
    const name = fc.constantFrom('f', 'g');
    const turn = fc.oneof(
      fc.record({ role: fc.constantFrom('system', 'user'), content: text }),
      fc.record({
        role: fc.constant('assistant'),
        content: text,
        thinking: fc.option(text, { nil: undefined }),
        tool_calls: fc.array(
          fc.record({
            id: fc.option(fc.constantFrom('x', 'call_1'), { nil: undefined }),
            function: fc.record({ name, arguments: fc.dictionary(name, fc.integer()) }),
          }),
          { maxLength: 3 },
        ),
      }),
      fc.record({
        role: fc.constant('tool'),
        content: text,
        tool_name: fc.option(name, { nil: undefined }),
      }),
    );
    fc.assert(
      fc.property(
        fc.array(turn, { minLength: 1, maxLength: 8 }),
        fc.nat({ max: 7 }),
        (turns, at) => {
          const length = 1 + (at % turns.length);
          const whole: unknown = messages(...turns);
          if (!Array.isArray(whole)) throw new Error('no messages');

          expect(JSON.stringify(messages(...turns.slice(0, length)))).toBe(
            JSON.stringify(whole.slice(0, length)),
          );
        },
      ),
    );
  });
});
