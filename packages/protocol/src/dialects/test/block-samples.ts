/** Content blocks and tools of the Messages API, each in a request that may have it. */
import type { JsonObject } from '../../json/json-object.ts';
import { elementSamples, joined, type Put, sample, type Samples, TOOL, unless } from './sample.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAE=';
const CACHE = { type: 'ephemeral' };
const CITATION = { type: 'char_location', cited_text: 'x', document_index: 0 };
const USER = { role: 'user', content: 'Hello' };
const CACHED = { cache_control: sample(CACHE) };
const CITABLE = { citations: unless({ enabled: true }, { enabled: false }) };

const text = (words: string): JsonObject => ({ type: 'text', text: words });

const inUser: Put = (blocks) => ({
  messages: [{ role: 'user', content: [text('Hello'), ...blocks] }],
});

const inAssistant: Put = (blocks) => ({
  messages: [USER, { role: 'assistant', content: [text('Hi'), ...blocks] }, USER],
});

const inSystemTurn: Put = (blocks) => ({
  messages: [USER, { role: 'system', content: [text('Be brief.'), ...blocks] }, USER],
});

const inSystem: Put = (blocks) => ({ system: [text('Be kind.'), ...blocks] });

/** Calls, and a result for each. */
const asCalls: Put = (calls) => ({
  messages: [
    USER,
    { role: 'assistant', content: [text('Hi'), ...calls] },
    {
      role: 'user',
      content: [
        ...calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'done' })),
        text('Go on.'),
      ],
    },
  ],
});

const IDS = ['toolu_a', 'toolu_b'];

/** Results of two calls. Those without one in the sample get another. */
const asResults: Put = (results) => ({
  messages: [
    USER,
    {
      role: 'assistant',
      content: IDS.map((id) => ({ type: 'tool_use', id, name: 'read', input: {} })),
    },
    {
      role: 'user',
      content: [
        ...results,
        ...IDS.filter((id) => results.every(({ tool_use_id: own }) => own !== id)).map((id) => ({
          type: 'tool_result',
          tool_use_id: id,
          content: 'other',
        })),
      ],
    },
  ],
});

const inResult: Put = (blocks) =>
  asResults([
    { type: 'tool_result', tool_use_id: 'toolu_a', content: [text('It is:'), ...blocks] },
  ]);

const asTools: Put = (tools) => ({ tools: [{ name: 'read' }, ...tools] });

const BLOCKS = 'messages[].content';

const shownIn = (list: string, put: Put): Samples => ({
  ...elementSamples(
    [list, 'text'],
    { put, type: 'text', text: 'A text.' },
    {
      text: sample('Another.'),
      citations: unless([CITATION], []),
      ...CACHED,
    },
  ),
  ...elementSamples(
    [list, 'image'],
    {
      put,
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: PNG, url: 'https://x.test/a.png' },
    },
    {
      source: sample({ type: 'url', url: 'https://x.test/b.png' }),
      'source.type': sample('url'),
      'source.media_type': sample('image/gif'),
      'source.data': sample('AAAA'),
      transformations: sample({ oversized_image: 'error' }),
      ...CACHED,
    },
  ),
  ...elementSamples(
    [list, 'document'],
    { put, type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'A text.' } },
    {
      source: sample({ type: 'content', content: 'Another.' }),
      title: sample('A title'),
      context: sample('A context'),
      ...CITABLE,
      ...CACHED,
    },
  ),
  ...elementSamples(
    [list, 'search_result'],
    { put, type: 'search_result', title: 'A', source: 'b', content: [text('A text.')] },
    {
      title: sample('B'),
      source: sample('c'),
      content: sample([text('Another.')]),
      ...CITABLE,
      ...CACHED,
    },
  ),
});

const OF_ASSISTANT: Samples = {
  ...elementSamples(
    [BLOCKS, 'thinking'],
    { put: inAssistant, type: 'thinking', thinking: 'Hm.' },
    {
      thinking: sample('So.'),
      signature: sample('x'),
    },
  ),
  ...elementSamples(
    [BLOCKS, 'tool_use'],
    {
      put: asCalls,
      type: 'tool_use',
      id: 'toolu_a',
      name: 'read',
      input: { a: 'x' },
    },
    {
      id: sample('toolu_b'),
      name: sample('write'),
      input: sample({ a: 'y' }),
      caller: sample({ type: 'direct' }),
      toolset_name: sample('browser'),
      ...CACHED,
    },
  ),
  ...elementSamples(
    [BLOCKS, 'compaction'],
    {
      put: inAssistant,
      type: 'compaction',
      content: 'A summary.',
    },
    {
      content: sample('Another.'),
      encrypted_content: sample('x'),
      signature: sample('x'),
      tool_changes: unless([{ type: 'tool_removal' }], []),
      ...CACHED,
    },
  ),
};

const OF_USER: Samples = {
  ...shownIn(BLOCKS, inUser),
  ...elementSamples(
    [BLOCKS, 'tool_result'],
    {
      put: asResults,
      type: 'tool_result',
      tool_use_id: 'toolu_a',
      content: 'done',
    },
    {
      tool_use_id: sample('toolu_b'),
      content: sample([text('Another.')]),
      is_error: sample(true),
      toolset_name: sample('browser'),
      ...CACHED,
    },
  ),
};

const IN_RESULT: Samples = {
  ...shownIn(`${BLOCKS}[tool_result].content`, inResult),
  ...elementSamples(
    [`${BLOCKS}[tool_result].content`, 'tool_reference'],
    {
      put: inResult,
      type: 'tool_reference',
      tool_name: 'read',
    },
    { tool_name: sample('write'), ...CACHED },
  ),
  ...elementSamples([`${BLOCKS}[tool_result].content`, 'browser_state'], {
    put: inResult,
    type: 'browser_state',
    tabs: [],
  }),
};

/** Elements without members in the table, by what they are in. */
const ALONE: readonly (readonly [put: Put, types: readonly string[]])[] = [
  [
    inAssistant,
    [
      'redacted_thinking',
      'server_tool_use',
      'web_search_tool_result',
      'web_fetch_tool_result',
      'code_execution_tool_result',
      'bash_code_execution_tool_result',
      'text_editor_code_execution_tool_result',
      'tool_search_tool_result',
      'advisor_tool_result',
      'mcp_tool_use',
      'mcp_tool_result',
      'mcp_tool_listing',
      'fallback',
    ],
  ],
  [inUser, ['container_upload']],
  [inSystemTurn, ['tool_addition', 'tool_removal']],
];

const TOOLS: readonly (readonly [name: string, type: string])[] = [
  ['custom', 'custom'],
  ['memory', 'memory_20250818'],
  ['browser_toolset', 'browser_toolset_20260801'],
  ['computer_toolset', 'computer_toolset_20260801'],
  ['computer', 'computer_20251124'],
  ['code_execution', 'code_execution_20250825'],
  ['web_search', 'web_search_20250305'],
  ['web_fetch', 'web_fetch_20250910'],
  ['tool_search_tool_bm25', 'tool_search_tool_bm25'],
  ['tool_search_tool_regex', 'tool_search_tool_regex_20251119'],
  ['advisor', 'advisor_20260301'],
  ['mcp_toolset', 'mcp_toolset'],
];

export const BLOCK_SAMPLES: Samples = {
  ...OF_ASSISTANT,
  ...OF_USER,
  ...IN_RESULT,
  ...joined(
    ALONE.flatMap(([put, types]) =>
      types.map((type) => elementSamples([BLOCKS, type], { put, type })),
    ),
  ),
  ...elementSamples(
    ['system', 'text'],
    { put: inSystem, type: 'text', text: 'Be brief.' },
    {
      text: sample('Be long.'),
      citations: unless([CITATION], []),
      ...CACHED,
    },
  ),
  ...elementSamples(
    ['tools', 'bash'],
    { put: asTools, type: 'bash_20250124', name: 'bash' },
    {
      strict: sample(true),
    },
  ),
  ...elementSamples(
    ['tools', 'text_editor'],
    {
      put: asTools,
      type: 'text_editor_20250728',
      name: 'edit',
    },
    { strict: sample(true) },
  ),
  ...joined(
    TOOLS.map(([name, type]) =>
      elementSamples(['tools', name], { put: asTools, type, name: TOOL }),
    ),
  ),
};
