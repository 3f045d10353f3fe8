import { expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import { readCountAnswer, toCountBody } from './count-tokens.ts';
import { readMessagesRequest } from './read-request.ts';

test('a count asks for what makes the prompt, and for nothing of the answer', () => {
  const request = readMessagesRequest({
    model: 'claude-local',
    system: 'Be brief.',
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'ls', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'x' }] },
    ],
    tools: [{ name: 'ls' }],
    thinking: { type: 'disabled' },
    temperature: 1,
    stop_sequences: ['END'],
    metadata: { user_id: 'u' },
    stream: true,
  });

  const body: unknown = JSON.parse(JSON.stringify(toCountBody(request, 'm')));

  expect(body).toEqual({
    model: 'm',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'ls', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: 'x' },
    ],
    tools: [
      {
        type: 'function',
        function: {
          name: 'ls',
          parameters: { type: 'object', properties: {}, additionalProperties: false },
        },
      },
    ],
    reasoning_effort: 'none',
  });
});

test('the answer to a count is its number alone', () => {
  expect(readCountAnswer({ input_tokens: 42, more: 1 })).toEqual({ input_tokens: 42 });
});

test.each([{}, { input_tokens: '42' }, { input_tokens: -1 }, null])(
  'an answer without a count is an error of the node: %p',
  (answer) => {
    expect(() => readCountAnswer(answer)).toThrow(CortexError);
  },
);
