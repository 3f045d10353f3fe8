/** Items, parts and tools of the Responses API, each in a request that may have it. */
import type { JsonObject } from '../../json/json-object.ts';
import { packThoughts } from '../responses/thoughts.ts';
import { elementSamples, joined, type Put, sample, type Samples, TOOL, unless } from './sample.ts';

const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAE=';
const USER = { role: 'user', content: 'Hello' };
const IDS = { id: sample('x_1'), status: sample('incomplete') };

const text = (words: string): JsonObject => ({ type: 'input_text', text: words });

const asItems: Put = (items) => ({ input: [USER, ...items] });

/** Outputs of two calls. */
const asOutputs: Put = (outputs) =>
  asItems([
    ...['a', 'b'].map((id) => ({
      type: 'function_call',
      call_id: id,
      name: 'read',
      arguments: '{}',
    })),
    ...outputs,
  ]);

const inMessage: Put = (parts) => asItems([{ role: 'user', content: [text('It is:'), ...parts] }]);

const inAnswer: Put = (parts) =>
  asItems([{ role: 'assistant', content: [{ type: 'output_text', text: 'Hi. ' }, ...parts] }]);

const inOutput: Put = (parts) =>
  asOutputs([{ type: 'function_call_output', call_id: 'a', output: [text('It is:'), ...parts] }]);

const asTools: Put = (tools) => ({ tools: [{ type: 'function', name: 'read' }, ...tools] });

const partsIn = (list: string, put: Put): Samples => ({
  ...elementSamples(
    [list, 'input_text'],
    { put, type: 'input_text', text: 'A text.' },
    {
      text: sample('Another.'),
    },
  ),
  ...elementSamples(
    [list, 'input_image'],
    { put, type: 'input_image', image_url: PNG },
    {
      image_url: sample('https://x.test/a.png'),
      file_id: sample('file-1'),
      detail: unless('high', 'auto'),
    },
  ),
  ...elementSamples([list, 'input_file'], { put, type: 'input_file', file_data: 'x' }),
  ...elementSamples([list, 'input_audio'], { put, type: 'input_audio', input_audio: {} }),
});

const CALLS: Samples = {
  ...elementSamples(
    ['input', 'function_call'],
    {
      put: asItems,
      type: 'function_call',
      call_id: 'a',
      name: 'read',
      arguments: '{"a":"x"}',
    },
    {
      name: sample('write'),
      namespace: sample('files'),
      call_id: sample('b'),
      arguments: sample('{"a":"y"}'),
      ...IDS,
    },
  ),
  ...elementSamples(
    ['input', 'custom_tool_call'],
    {
      put: asItems,
      type: 'custom_tool_call',
      call_id: 'a',
      name: 'patch',
      input: 'x',
    },
    {
      name: sample('write'),
      namespace: sample('files'),
      call_id: sample('b'),
      input: sample('y'),
      id: IDS.id,
    },
  ),
  ...elementSamples(
    ['input', 'local_shell_call'],
    {
      put: asItems,
      type: 'local_shell_call',
      id: 'a',
      call_id: 'a',
      action: { command: ['ls'] },
    },
    {
      call_id: sample('b'),
      id: sample('b', { call_id: undefined }),
      action: sample({ command: ['pwd'] }),
      status: IDS.status,
    },
  ),
  ...elementSamples(
    ['input', 'shell_call'],
    {
      put: asItems,
      type: 'shell_call',
      call_id: 'a',
      action: { commands: ['ls'] },
    },
    {
      call_id: sample('b'),
      action: sample({ commands: ['pwd'] }),
      environment: sample({ type: 'local' }),
      ...IDS,
    },
  ),
  ...elementSamples(
    ['input', 'apply_patch_call'],
    {
      put: asItems,
      type: 'apply_patch_call',
      call_id: 'a',
      operation: { type: 'delete_file', path: 'a' },
    },
    {
      call_id: sample('b'),
      operation: sample({ type: 'delete_file', path: 'b' }),
      ...IDS,
    },
  ),
};

const outputSamples = (type: string, members: Samples): Samples =>
  elementSamples(
    ['input', type],
    { put: asOutputs, type, call_id: 'a', output: 'done' },
    {
      call_id: sample('b'),
      output: sample([text('Another.')]),
      id: IDS.id,
      ...members,
    },
  );

const OUTPUTS: Samples = {
  ...outputSamples('function_call_output', { status: IDS.status }),
  ...outputSamples('custom_tool_call_output', {}),
  ...outputSamples('shell_call_output', {
    output: sample([{ stdout: 'x', stderr: '', outcome: { type: 'exit', exit_code: 0 } }]),
    max_output_length: sample(100),
    status: IDS.status,
  }),
  ...outputSamples('apply_patch_call_output', { status: sample('failed') }),
  ...elementSamples(
    ['input', 'local_shell_call_output'],
    {
      put: asOutputs,
      type: 'local_shell_call_output',
      id: 'a',
      output: 'done',
    },
    { id: sample('b'), output: sample('Another.'), status: IDS.status },
  ),
};

/** Items that are left out or refused as a whole. */
const ALONE = [
  'item_reference',
  'compaction',
  'tool_search_call',
  'tool_search_output',
  'computer_call',
  'computer_call_output',
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'image_generation_call',
  'mcp_call',
  'mcp_list_tools',
  'mcp_approval_request',
  'mcp_approval_response',
];

const ITEMS: Samples = {
  ...elementSamples(
    ['input', 'message'],
    {
      put: asItems,
      type: 'message',
      role: 'user',
      content: 'Hello?',
    },
    {
      role: sample('developer'),
      content: sample([text('Another.')]),
      phase: sample('commentary'),
      ...IDS,
    },
  ),
  ...elementSamples(
    ['input', 'reasoning'],
    {
      put: asItems,
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'In short.' }],
      content: [{ type: 'reasoning_text', text: 'Hm.' }],
    },
    {
      content: sample([{ type: 'reasoning_text', text: 'So.' }]),
      summary: sample([{ type: 'summary_text', text: 'So.' }], { content: undefined }),
      encrypted_content: unless('gAAAAA', packThoughts('So.')),
      ...IDS,
    },
  ),
  ...CALLS,
  ...OUTPUTS,
  ...joined(ALONE.map((type) => elementSamples(['input', type], { put: asItems, type }))),
};

/** Tools that are left out, which are named by their types. */
const TOOLS: Samples = joined(
  [
    ['local_shell', 'local_shell'],
    ['shell', 'shell'],
    ['apply_patch', 'apply_patch'],
    ['computer', 'computer'],
    ['computer_use_preview', 'computer_use_preview'],
    ['tool_search', 'tool_search'],
    ['web_search', 'web_search_2025_08_26'],
    ['web_search_preview', 'web_search_preview_2025_03_11'],
    ['file_search', 'file_search'],
    ['code_interpreter', 'code_interpreter'],
    ['image_generation', 'image_generation'],
    ['mcp', 'mcp'],
  ].map(([name = '', type = '']) =>
    Object.fromEntries(
      Object.entries(elementSamples(['tools', name], { put: asTools, type })).map(
        ([field, one]) => [field, { ...one, tool: type }],
      ),
    ),
  ),
);

export const ITEM_SAMPLES: Samples = {
  ...ITEMS,
  ...partsIn('input[].content', inMessage),
  ...partsIn('input[].output', inOutput),
  ...elementSamples(
    ['input[].content', 'output_text'],
    {
      put: inAnswer,
      type: 'output_text',
      text: 'A text.',
    },
    {
      text: sample('Another.'),
      annotations: unless([{ type: 'url_citation', url: 'https://x.test' }], []),
      logprobs: sample([{ token: 'A', logprob: -1 }]),
    },
  ),
  ...elementSamples(
    ['input[].content', 'refusal'],
    { put: inAnswer, type: 'refusal', refusal: 'No.' },
    {
      refusal: sample('Never.'),
    },
  ),
  ...elementSamples(['tools', 'function'], { put: asTools, type: 'function', name: TOOL }),
  ...elementSamples(['tools', 'custom'], { put: asTools, type: 'custom', name: TOOL }),
  ...elementSamples(['tools', 'namespace'], {
    put: asTools,
    type: 'namespace',
    name: TOOL,
    description: 'Files.',
    tools: [{ type: 'function', name: 'list' }],
  }),
  ...TOOLS,
};
