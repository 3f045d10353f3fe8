/** Bodies with many calls: the time to read one grows with its length, not with the square of it. */
import { expect, test } from 'bun:test';

import { ANTHROPIC } from '../anthropic/anthropic.ts';
import type { Dialect } from '../dialect.ts';
import { OLLAMA_CHAT } from '../ollama/ollama.ts';
import { RESPONSES } from '../responses/responses.ts';

/** Enough that a square of it takes a minute. */
const COUNT = 100_000;
/** A busy machine needs a small part of it. */
const MAX_MS = 15_000;

const many = <T>(make: (at: number) => T): readonly T[] =>
  Array.from({ length: COUNT }, (_, at) => make(at));

const ollamaCalls = (id: (at: number) => string | undefined): object => ({
  role: 'assistant',
  tool_calls: many((at) => ({ id: id(at), function: { name: `f${at}`, arguments: {} } })),
});
const functions = many((at) => ({ type: 'function', name: `f${at}` }));

test.each<[string, Dialect, object]>([
  [
    '/api/chat: ids that the gateway would give are taken',
    OLLAMA_CHAT,
    {
      messages: [
        ollamaCalls((at) => `call_${COUNT + at}`),
        ...many(() => ({ role: 'assistant', tool_calls: [{ function: { name: 'f' } }] })),
      ],
    },
  ],
  [
    '/api/chat: results by name, from the last on',
    OLLAMA_CHAT,
    {
      messages: [
        ollamaCalls(() => undefined),
        ...many((at) => ({ role: 'tool', content: 'x', tool_name: `f${COUNT - 1 - at}` })),
      ],
    },
  ],
  [
    '/api/chat: results in order',
    OLLAMA_CHAT,
    { messages: [ollamaCalls(() => undefined), ...many(() => ({ role: 'tool', content: 'x' }))] },
  ],
  [
    '/v1/responses: results from the first call on',
    RESPONSES,
    {
      input: [
        ...many((at) => ({ type: 'function_call', call_id: `c${at}`, name: 'f', arguments: '' })),
        ...many((at) => ({ type: 'function_call_output', call_id: `c${at}`, output: 'x' })),
      ],
    },
  ],
  [
    '/v1/responses: allowed tools',
    RESPONSES,
    {
      input: 'x',
      tools: functions,
      tool_choice: { type: 'allowed_tools', mode: 'auto', tools: functions },
    },
  ],
  [
    '/v1/messages: calls of one message',
    ANTHROPIC,
    {
      messages: [
        {
          role: 'assistant',
          content: many((at) => ({ type: 'tool_use', id: `c${at}`, name: 'f', input: {} })),
        },
        {
          role: 'user',
          content: many((at) => ({ type: 'tool_result', tool_use_id: `c${at}`, content: 'x' })),
        },
      ],
    },
  ],
  [
    '/v1/messages: calls of neighbours',
    ANTHROPIC,
    {
      messages: [
        ...many((at) => ({
          role: 'assistant',
          content: [{ type: 'tool_use', id: `c${at}`, name: 'f', input: {} }],
        })),
        {
          role: 'user',
          content: many((at) => ({ type: 'tool_result', tool_use_id: `c${at}`, content: 'x' })),
        },
      ],
    },
  ],
])(
  'A large body is read in a time in proportion to its length: %s',
  async (_, dialect, body) => {
    const bytes = new TextEncoder().encode(JSON.stringify({ model: 'm', ...body }));
    const startedMs = performance.now();

    await dialect.read(bytes, new Headers());

    expect(performance.now() - startedMs).toBeLessThan(MAX_MS);
  },
  120_000,
);
