/** What clients and nodes send can be wrong in any place. */
import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';

import { CortexError } from '../../errors.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { WholeEvents } from '../../sse/whole-events.ts';
import type { Dialect } from '../dialect.ts';
import { OLLAMA_CHAT, OLLAMA_EMBED, OLLAMA_EMBEDDINGS, OLLAMA_GENERATE } from './ollama.ts';

const FACTS = { requestId: 'req_1', model: 'qwen3:latest', createdS: 1_764_510_000 };
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

const CALL = { id: 'a', function: { name: 'f', arguments: { x: 1 } } };
const CHAT = {
  model: 'm',
  stream: true,
  think: 'high',
  format: { type: 'object' },
  keep_alive: '5m',
  options: { temperature: 0.5, num_predict: 9, stop: ['a'], seed: 1 },
  tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: {} } }],
  messages: [
    { role: 'system', content: 's' },
    { role: 'user', content: 'u', images: [PNG] },
    { role: 'assistant', content: '', thinking: 't', tool_calls: [CALL, CALL] },
    { role: 'tool', content: 'r', tool_name: 'f', tool_call_id: 'a' },
  ],
};
const GENERATE = { model: 'm', prompt: 'p', system: 's', images: [PNG], options: { top_k: 4 } };
const FILL_IN = { model: 'm', prompt: 'p', suffix: 's', stream: false, raw: true };

const REQUESTS: readonly (readonly [Dialect, object])[] = [
  [OLLAMA_CHAT, CHAT],
  [OLLAMA_GENERATE, GENERATE],
  [OLLAMA_GENERATE, FILL_IN],
  [OLLAMA_EMBED, { model: 'm', input: ['a', 'b'], dimensions: 3 }],
  [OLLAMA_EMBEDDINGS, { model: 'm', prompt: 'a' }],
];

const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    '',
    null,
    1.5,
    [],
    {},
    'constructor',
    '__proto__',
    'toString',
    [{}],
    [null],
  ),
);

/** `value` with one of its places replaced, counted from the end. */
function withValue(value: unknown, at: number, replacement: unknown): string {
  let count = 0;
  const json = JSON.stringify(value, (_, member: unknown) => {
    count += 1;
    return member;
  });
  let seen = 0;
  return JSON.stringify(JSON.parse(json), (_, member: unknown) => {
    seen += 1;
    return seen === 1 + (at % count) ? replacement : member;
  });
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

test('A request with wrong values is read, or refused with an error for the client', async () => {
  const wrong = fc.tuple(fc.constantFrom(...REQUESTS), fc.nat(100), anyValue);
  await fc.assert(
    fc.asyncProperty(wrong, async ([[dialect, request], at, value]) => {
      const text = withValue(request, at, value);
      try {
        const body = await dialect.read(bytesOf(text), new Headers());
        body.view.affinityKey();
        const node: unknown = body.empty ?? JSON.parse(new TextDecoder().decode(body.named('n')));
        expect(isJsonObject(node)).toBe(true);
      } catch (thrown) {
        if (!(thrown instanceof CortexError)) throw thrown;
        expect([400, 422]).toContain(thrown.status);
      }
    }),
    { numRuns: 1000 },
  );
});

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
  'A message with the role "%s" is refused with the field',
  async (role) => {
    const read = OLLAMA_CHAT.read(
      bytesOf(JSON.stringify({ messages: [{ role, content: 'x' }] })),
      new Headers(),
    );

    expect(read).rejects.toMatchObject({
      code: 'invalid_request',
      details: { param: 'messages[0].role' },
    });
  },
);

const CHUNKS = [
  { choices: [{ index: 0, delta: { role: 'assistant', reasoning_content: 'hm' } }] },
  { choices: [{ index: 0, delta: { content: 'a' } }] },
  {
    choices: [
      {
        index: 0,
        delta: { tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{"x":' } }] },
      },
    ],
  },
  { choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: '1}' } }] } }] },
  { choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] },
  { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
];

describe('An answer of a node with wrong values', () => {
  const anyChunks = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...CHUNKS).map((chunk) => JSON.stringify(chunk)) },
      {
        weight: 3,
        arbitrary: fc
          .tuple(fc.constantFrom(...CHUNKS), fc.nat(20), anyValue)
          .map(([chunk, at, value]) => withValue(chunk, at, value)),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('{', '[DONE]', 'null', '{"error":1}', '{"error":""}'),
      },
    ),
    { maxLength: 10 },
  );

  test.each([
    ['/api/chat', OLLAMA_CHAT, CHAT],
    ['/api/generate', OLLAMA_GENERATE, FILL_IN],
  ])(
    'is still lines of %s, of which only the last is the end or an error',
    async (_, dialect, request) => {
      const body = await dialect.read(bytesOf(JSON.stringify(request)), new Headers());
      fc.assert(
        fc.property(anyChunks, (chunks) => {
          const stream = body.stream(FACTS);
          const whole = new WholeEvents();
          let text = stream.opening();
          for (const chunk of chunks) {
            const events = whole.push(bytesOf(`data: ${chunk}\n\n`));
            if (events !== undefined) text += String(stream.push(events));
          }
          text += stream.end(true);

          const lines = text
            .trimEnd()
            .split('\n')
            .map((line): unknown => JSON.parse(line));
          const isLast = (line: unknown): boolean =>
            isJsonObject(line) && (line['done'] === true || line['error'] !== undefined);
          expect(lines.findIndex(isLast)).toBe(lines.length - 1);
          expect(stream.keepAlive()).toBe('');
        }),
        { numRuns: 500 },
      );
    },
  );
});
