/** The same answer of a node, whole and in a stream: clients have the same at the end. */
import { expect, test } from 'bun:test';
import * as fc from 'fast-check';

import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { clientMessage, eventsOf } from '../anthropic/test/client-message.ts';
import { ANTHROPIC } from '../anthropic/anthropic.ts';
import type { Dialect } from '../dialect.ts';
import { OLLAMA_CHAT } from '../ollama/ollama.ts';
import { RESPONSES } from '../responses/responses.ts';
import { checkEvents, parseEvents } from '../responses/test/event-rules.ts';

const FACTS = { requestId: 'req_1', model: 'm', createdS: 0 };

interface Call {
  readonly name: string;
  readonly input: unknown;
}

interface Answer {
  readonly thoughts: string;
  readonly text: string;
  readonly calls: readonly Call[];
  readonly reason: string;
  readonly cachedTokens: number;
}

const words = fc.string({ unit: 'grapheme', maxLength: 12 });

const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  thoughts: words,
  text: words,
  calls: fc.array(
    fc.record({
      name: fc.constantFrom('read', 'write'),
      input: fc.dictionary(words, fc.jsonValue({ maxDepth: 1 })),
    }),
    { maxLength: 3 },
  ),
  reason: fc.constantFrom('stop', 'length', 'content_filter', 'tool_calls'),
  cachedTokens: fc.nat(20),
});

const usageOf = ({ cachedTokens }: Answer): JsonObject => ({
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: cachedTokens },
  completion_tokens_details: { reasoning_tokens: 2 },
});

const toolCalls = ({ calls }: Answer): readonly JsonObject[] =>
  calls.map(({ name, input }, index) => ({
    index,
    id: `call_${index}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) },
  }));

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

function wholeAnswer(answer: Answer): Uint8Array {
  const message = {
    role: 'assistant',
    content: answer.text,
    reasoning_content: answer.thoughts,
    tool_calls: toolCalls(answer),
  };
  const choices = [{ index: 0, message, finish_reason: answer.reason }];
  return encode(JSON.stringify({ choices, usage: usageOf(answer) }));
}

/** Each call in two parts, the usage behind the reason. */
function streamedAnswer(answer: Answer): Uint8Array {
  const deltas: readonly JsonObject[] = [
    { role: 'assistant', content: '' },
    { reasoning_content: answer.thoughts },
    { content: answer.text },
    ...answer.calls.flatMap(({ name, input }, index) => {
      const text = JSON.stringify(input);
      return [
        { index, id: `call_${index}`, function: { name, arguments: text.slice(0, 3) } },
        { index, function: { arguments: text.slice(3) } },
      ].map((part) => ({ tool_calls: [part] }));
    }),
  ];
  const chunks = [
    ...deltas.map((delta) => ({ choices: [{ index: 0, delta }] })),
    { choices: [{ index: 0, delta: {}, finish_reason: answer.reason }] },
    { choices: [], usage: usageOf(answer) },
  ].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
  return encode(`${chunks.join('')}data: [DONE]\n\n`);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The last line with the message of all lines. */
function joinLines(text: string): JsonObject {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
    .filter(isJsonObject);
  const messages = lines.map(({ message }) => message).filter(isJsonObject);
  const thinking = messages.map((message) => textOf(message['thinking'])).join('');
  const calls = messages.flatMap((message) => listOf(message['tool_calls']));
  return {
    ...lines.at(-1),
    message: {
      role: 'assistant',
      content: messages.map((message) => textOf(message['content'])).join(''),
      ...(thinking !== '' && { thinking }),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
  };
}

const messages = [{ role: 'user', content: 'x' }];
const tools = ['read', 'write'].map((name) => ({ type: 'function', name }));

/** A request, and what a client makes of the events of its answer. */
const DIALECTS: readonly (readonly [string, Dialect, object, (text: string) => unknown])[] = [
  ['/v1/messages', ANTHROPIC, { messages }, (text) => clientMessage(eventsOf(text)).message],
  ['/v1/responses', RESPONSES, { input: 'x', tools }, (text) => checkEvents(parseEvents(text))],
  ['/api/chat', OLLAMA_CHAT, { messages }, joinLines],
];

test.each(DIALECTS)(
  'a whole answer of %s has what a stream of it has',
  async (_, dialect, request, join) => {
    const bodyOf = (stream: boolean) =>
      dialect.read(encode(JSON.stringify({ ...request, stream })), new Headers());
    const [plain, streaming] = [await bodyOf(false), await bodyOf(true)];

    fc.assert(
      fc.property(anyAnswer, (answer) => {
        const whole: unknown = JSON.parse(plain.whole?.(wholeAnswer(answer), FACTS) ?? '');
        const stream = streaming.stream(FACTS);
        const events = [
          stream.opening(),
          String(stream.push(streamedAnswer(answer))),
          stream.end(true),
        ];

        expect(whole).toEqual(join(events.join('')));
      }),
    );
  },
);
