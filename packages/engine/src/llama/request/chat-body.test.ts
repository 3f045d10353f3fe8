import { CortexError, readShape } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { ChatBody } from './chat-body.ts';

const messages = [{ role: 'user', content: 'Hi' }];

function refusal(body: unknown): CortexError | undefined {
  try {
    readShape(ChatBody, body);
    return undefined;
  } catch (error) {
    return error instanceof CortexError ? error : undefined;
  }
}

test.each([
  [{}, 'messages'],
  [{ messages: [] }, 'messages'],
  [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role'],
  [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
  [{ messages: [{ role: 'user', content: [{ text: 'no type' }] }] }, 'messages[0].content[0].type'],
  [
    { messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 5 }] }] },
    'messages[0].content[1].type',
  ],
  [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text'],
  [{ messages, temperature: '0' }, 'temperature'],
  [{ messages, max_tokens: 0 }, 'max_tokens'],
  [{ messages, top_p: 2 }, 'top_p'],
  [{ messages, stop: [1] }, 'stop[0]'],
  [{ messages, logit_bias: { x: 1 } }, 'logit_bias.x'],
  [{ messages, tools: [{ type: 'function' }] }, 'tools[0].function'],
])('%j is refused by the field %s', (body, param) => {
  expect(refusal(body)).toMatchObject({ code: 'invalid_request', details: { param } });
});

test.each([
  [{}, '"messages" is missing.'],
  [{ messages, logit_bias: { cat: 1 } }, '"logit_bias.cat" must be named by the id of a token.'],
  [
    { messages, logit_bias: JSON.parse('{"__proto__":1}') },
    '"logit_bias" must be named by the id of a token.',
  ],
  [{ messages, tools: [{ type: 'function', function: {} }] }, '.name" is missing.'],
  [{ messages: [{ role: 'user', content: 5 }] }, 'must be a string or a list of parts.'],
  [{ messages, stop: 5 }, 'must be a string or a list of up to 64 strings.'],
  [
    {
      messages,
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [] } },
    },
    '"tool_choice.allowed_tools.tools" must not be empty.',
  ],
  [
    { messages, tools: [{ type: 'custom', custom: { name: 'x' } }] },
    '"tools[0].type" must be "function": no other kind',
  ],
  [
    { messages, tools: [{ type: 'function', function: { name: 'do it <now>' } }] },
    '"tools[0].function.name" must have 1 to 128 letters',
  ],
  [{ messages, tool_choice: 'all' }, 'must be "none", "auto", "required", {'],
])('%j is refused with the expected value: %s', (body, words) => {
  expect(refusal(body)?.message).toContain(words);
});

test('null means absent, and unknown fields are accepted', () => {
  const body = readShape(ChatBody, {
    messages,
    temperature: null,
    stop: null,
    tools: null,
    store: true,
    metadata: { a: 1 },
  });

  expect(body.temperature).toBeUndefined();
  expect(body.tools).toBeUndefined();
});

test('a string in a list of content parts is a text part', () => {
  const content = ['a', { type: 'text', text: 'b' }];
  const body = readShape(ChatBody, { messages: [{ role: 'user', content }] });

  expect(body.messages[0]?.content).toEqual([
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
  ]);
});

test('tool_choice "any" means "required"', () => {
  expect(readShape(ChatBody, { messages, tool_choice: 'any' }).tool_choice).toBe('required');
});

test.each(['tool', 'function'])('an object as content of role %s is its JSON text', (role) => {
  const content = { city: 'Oslo', degrees: [3] };
  const body = readShape(ChatBody, { messages: [{ role, name: 'get', content }] });

  expect(body.messages[0]?.content).toBe(JSON.stringify(content));
});

test('an object as content of a user is refused', () => {
  const asked = { messages: [{ role: 'user', content: { a: 1 } }] };

  expect(refusal(asked)).toMatchObject({ details: { param: 'messages[0].content' } });
});

test('objects of the client keep every member, also one named like a member of all objects', () => {
  const values = JSON.parse('{"__proto__":{"a":1},"constructor":2,"x":3}');
  const calls = [{ function: { name: 'f', arguments: values } }];

  const body = readShape(ChatBody, {
    messages: [...messages, { role: 'assistant', content: null, tool_calls: calls }],
    chat_template_kwargs: values,
    documents: [values],
    tools: [{ type: 'function', function: { name: 'f', parameters: values } }],
  });

  const kept = [
    body.messages[1]?.tool_calls?.[0]?.function.arguments,
    body.chat_template_kwargs,
    body.documents?.[0],
    body.tools?.[0]?.function.parameters,
  ];
  for (const value of kept) expect(JSON.stringify(value)).toBe(JSON.stringify(values));
});
