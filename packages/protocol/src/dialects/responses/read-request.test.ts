import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import { readResponsesRequest } from './responses.ts';

const encoder = new TextEncoder();

/** The error of a body, as its code, field and message. */
function refusal(body: unknown): readonly [string, string | undefined, string] {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  try {
    readResponsesRequest(encoder.encode(text));
  } catch (thrown) {
    if (!(thrown instanceof CortexError)) throw thrown;
    return [thrown.code, thrown.details.param, thrown.message];
  }
  throw new Error('The body was accepted.');
}

const item = (value: unknown): object => ({ input: [value] });
const part = (value: unknown): object => item({ role: 'user', content: [value] });
const tool = (value: unknown, choice?: unknown): object => ({
  input: 'x',
  tools: [value],
  tool_choice: choice,
});
const READ = { type: 'function', name: 'read' };

describe('A request is refused with the field and what to change', () => {
  test.each<[string, unknown, string, string | undefined, string]>([
    ['text that is not JSON', '{', 'malformed_json', undefined, 'not valid JSON'],
    ['a list', '[]', 'malformed_json', undefined, 'is not valid JSON'],
    ['input as an object', { input: {} }, 'invalid_request', 'input', 'a string or a list'],
    ['an item that is text', item('x'), 'invalid_request', 'input[0]', 'must be an object'],
    ['an item without type', item({}), 'invalid_request', 'input[0].type', 'is missing'],
    [
      'an unknown role',
      item({ role: 'tool', content: 'x' }),
      'invalid_request',
      'input[0].role',
      '"developer"',
    ],
    [
      'content as a number',
      item({ role: 'user', content: 1 }),
      'invalid_request',
      'input[0].content',
      'a string or a list of parts',
    ],
    [
      'a part without text',
      part({ type: 'input_text' }),
      'invalid_request',
      'input[0].content[0].text',
      'is missing',
    ],
    [
      'an image without address',
      part({ type: 'input_image' }),
      'invalid_request',
      'input[0].content[0].image_url',
      'data: URI',
    ],
    [
      'an image in the store',
      part({ type: 'input_image', file_id: 'file-1' }),
      'unsupported_parameter',
      'input[0].content[0].file_id',
      'a "data:" URI',
    ],
    [
      'a file',
      part({ type: 'input_file', file_data: 'x' }),
      'unsupported_parameter',
      'input[0].content[0]',
      'use its content as text',
    ],
    [
      'an item in the store',
      item({ type: 'item_reference', id: 'msg_1' }),
      'unsupported_parameter',
      'input[0]',
      '"store": false',
    ],
    [
      'a call without id',
      item({ type: 'function_call', name: 'f', arguments: '{}' }),
      'invalid_request',
      'input[0].call_id',
      'is missing',
    ],
    [
      'a call without name',
      item({ type: 'custom_tool_call', call_id: 'a', input: '' }),
      'invalid_request',
      'input[0].name',
      'is missing',
    ],
    [
      'an output without call',
      item({ type: 'function_call_output', call_id: 'a', output: '' }),
      'invalid_request',
      'input[0].call_id',
      '"a"',
    ],
    [
      'a second output of one call',
      {
        input: [
          { type: 'function_call', name: 'f', arguments: '{}', call_id: 'a' },
          { type: 'function_call_output', call_id: 'a', output: '' },
          { type: 'function_call_output', call_id: 'a', output: '' },
        ],
      },
      'invalid_request',
      'input[2].call_id',
      'no output yet',
    ],
    [
      'previous_response_id',
      { input: 'x', previous_response_id: 'resp_1' },
      'unsupported_parameter',
      'previous_response_id',
      'use the whole conversation in "input"',
    ],
    [
      'a conversation',
      { input: 'x', conversation: 'conv_1' },
      'unsupported_parameter',
      'conversation',
      'stores no responses',
    ],
    [
      'a prompt of the store',
      { prompt: { id: 'pmpt_1' } },
      'unsupported_parameter',
      'prompt',
      '"instructions"',
    ],
    [
      'background',
      { input: 'x', background: true },
      'unsupported_parameter',
      'background',
      '"stream" for long answers',
    ],
    ['tools as an object', { input: 'x', tools: {} }, 'invalid_request', 'tools', 'a list'],
    ['a tool without type', tool({ name: 'f' }), 'invalid_request', 'tools[0].type', 'is missing'],
    [
      'a tool without name',
      tool({ type: 'function' }),
      'invalid_request',
      'tools[0].name',
      'is missing',
    ],
    [
      'parameters as text',
      tool({ ...READ, parameters: 'x' }),
      'invalid_request',
      'tools[0].parameters',
      'must be an object',
    ],
    [
      'a namespace without tools',
      tool({ type: 'namespace', name: 'n' }),
      'invalid_request',
      'tools[0].tools',
      'a list of tools',
    ],
    [
      'a tool without name in a namespace',
      tool({ type: 'namespace', name: 'n', tools: [READ, { type: 'function' }] }),
      'invalid_request',
      'tools[0].tools[1].name',
      'is missing',
    ],
    ['a choice that is a number', tool(READ, 1), 'invalid_request', 'tool_choice', '"auto"'],
    [
      'a choice of an unknown tool',
      tool(READ, { type: 'function', name: 'write' }),
      'invalid_request',
      'tool_choice.name',
      '"write"',
    ],
    [
      'a choice of a tool that was left out',
      tool({ type: 'web_search' }, { type: 'web_search' }),
      'unsupported_parameter',
      'tool_choice',
      '"web_search"',
    ],
    [
      'a required call without tools',
      tool({ type: 'web_search' }, 'required'),
      'unsupported_parameter',
      'tool_choice',
      'no tool that the model can call',
    ],
    [
      'a required call of none of the allowed tools',
      tool(READ, { type: 'allowed_tools', mode: 'required', tools: [] }),
      'unsupported_parameter',
      'tool_choice',
      'no tool that the model can call',
    ],
    [
      'allowed tools without mode',
      tool(READ, { type: 'allowed_tools', tools: [] }),
      'invalid_request',
      'tool_choice.mode',
      '"required"',
    ],
    [
      'an allowed tool that is unknown',
      tool(READ, {
        type: 'allowed_tools',
        mode: 'auto',
        tools: [READ, { type: 'function', name: 'w' }],
      }),
      'invalid_request',
      'tool_choice.tools[1].name',
      '"w"',
    ],
    [
      'a limit of zero',
      { input: 'x', max_output_tokens: 0 },
      'invalid_request',
      'max_output_tokens',
      'at least 1',
    ],
    ['stream as text', { input: 'x', stream: 'yes' }, 'invalid_request', 'stream', 'true or false'],
    [
      'an unknown format',
      { input: 'x', text: { format: { type: 'grammar' } } },
      'unsupported_parameter',
      'text.format.type',
      '"json_schema"',
    ],
    [
      'a format without schema',
      { input: 'x', text: { format: { type: 'json_schema' } } },
      'invalid_request',
      'text.format.schema',
      'is missing',
    ],
  ])('%s', (_, body, code, param, words) => {
    const [gotCode, gotParam, message] = refusal(body);

    expect([gotCode, gotParam]).toEqual([code, param]);
    expect(message).toContain(words);
  });
});
