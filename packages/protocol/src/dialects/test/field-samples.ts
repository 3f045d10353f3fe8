/** A request for each route, and a value for each field of the tables that asks for something. */
import type { DialectRoute } from '../neutral/dialect-field.ts';
import { BLOCK_SAMPLES } from './block-samples.ts';
import { ITEM_SAMPLES } from './item-samples.ts';
import { OLLAMA_SAMPLES } from './ollama-samples.ts';
import { type RouteSamples, sample, type Samples, TOOL, unless } from './sample.ts';

const SCHEMA = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
const OTHER_SCHEMA = { type: 'object', properties: { b: { type: 'number' } }, required: ['b'] };
const CACHE = { type: 'ephemeral' };
const USER = { role: 'user', content: 'Hello' };

const MESSAGES_BODY = {
  model: 'm',
  max_tokens: 100,
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
  system: [{ type: 'text', text: 'Be brief.' }],
  tools: [{ name: 'read', input_schema: SCHEMA }],
};
const THINKS = { thinking: { type: 'enabled', budget_tokens: 2000 } };
const FORMAT = { type: 'json_schema', schema: SCHEMA };

const REMINDED = { messages: [USER, { role: 'system', content: 'Be brief.' }] };

const PROMPT_FIELDS: Samples = {
  model: sample('other'),
  messages: sample([{ role: 'user', content: 'Bye' }]),
  'messages[].role': sample('assistant'),
  'messages[].content': sample('Bye'),
  system: sample('Be long.'),
  ...BLOCK_SAMPLES,
  cache_control: sample(CACHE),
  thinking: sample({ type: 'disabled' }),
  'thinking.type': sample('disabled', THINKS),
  'thinking.budget_tokens': sample(1024, THINKS),
  'thinking.display': sample('omitted', THINKS),
  'thinking.block_binding': sample({ prefix_mismatch_behavior: 'drop_block' }, THINKS),
  output_config: sample({ effort: 'low' }),
  'output_config.effort': sample('max'),
  'output_config.task_budget': unless({ type: 'tokens', total: 50_000 }, {}),
  tools: sample([]),
  'tools[].type': sample('bash_20250124', { tools: [{ name: 'bash' }] }),
  'tools[].name': sample('write'),
  'tools[].description': sample('Reads a file.'),
  'tools[].input_schema': sample(OTHER_SCHEMA),
  'tools[].input_examples': sample([{ a: 'x' }]),
  'tools[].strict': sample(true),
  'tools[].cache_control': sample(CACHE),
  'tools[].defer_loading': sample(true),
  'tools[].allowed_callers': sample(['direct']),
  'tools[].eager_input_streaming': sample(true),
  'tools[].max_characters': sample(1000, {
    tools: [{ type: 'text_editor_20250728', name: 'str_replace_based_edit_tool' }],
  }),
  tool_choice: sample({ type: 'any' }),
  'tool_choice.type': sample('any', { tool_choice: { type: 'auto' } }),
  'tool_choice.name': sample('b', {
    tools: [{ name: 'a' }, { name: 'b' }],
    tool_choice: { type: 'tool', name: 'a' },
  }),
  'tool_choice.disable_parallel_tool_use': sample(true, { tool_choice: { type: 'auto' } }),
  speed: sample('fast'),
  user_profile_id: sample('uprof_1'),
  workspace_id: sample('wrkspc_1'),
  'messages[].clear_at': { value: 'next_user_message', beside: REMINDED, neutral: 'never' },
  'messages[].output_config': { value: { effort: 'low' }, beside: REMINDED, neutral: {} },
  betas: sample(['context-1m-2025-08-07']),
  billing_policy: sample({ type: 'billing_policy', bill_to: 'self' }),
  context_management: unless({ edits: [{ type: 'clear_tool_uses_20250919' }] }, { edits: [] }),
  mcp_servers: { ...sample([{ type: 'url', name: TOOL, url: 'https://example.com' }]), tool: TOOL },
};

const CUSTOM = { tools: [{ type: 'custom', name: 'patch' }] };
const NAMESPACE = {
  tools: [{ type: 'namespace', name: 'files', description: 'Files.', tools: [] }],
};
const RESPONSE_FORMAT = { text: { format: { type: 'json_schema', name: 'x', schema: SCHEMA } } };
const RESPONSE_TOOLS = ['read', 'write'].map((name) => ({ type: 'function', name }));
const ALLOWED = {
  tools: RESPONSE_TOOLS,
  tool_choice: { type: 'allowed_tools', mode: 'auto', tools: RESPONSE_TOOLS },
};

export const FIELD_SAMPLES: Readonly<Record<DialectRoute, RouteSamples>> = {
  '/v1/messages': {
    body: MESSAGES_BODY,
    fields: {
      ...PROMPT_FIELDS,
      max_tokens: sample(7),
      stop_sequences: sample(['x']),
      stream: sample(true),
      temperature: sample(0.5),
      top_p: sample(0.5),
      top_k: sample(5),
      'output_config.format': sample(FORMAT),
      'output_config.format.type': sample('newer', { output_config: { format: FORMAT } }),
      'output_config.format.schema': sample(OTHER_SCHEMA, { output_config: { format: FORMAT } }),
      output_format: sample(FORMAT),
      metadata: sample({ user_id: 'u' }),
      'metadata.user_id': sample('u'),
      container: unless('container_1', {}),
      diagnostics: sample({ previous_message_id: 'msg_1' }),
      inference_geo: sample('us'),
      service_tier: sample('standard_only'),
      compaction: sample({ type: 'summarize' }),
      thread: sample({ type: 'continue', previous_message_id: 'msg_1' }),
      fallbacks: sample('default'),
      fallback_credit_token: sample('token'),
    },
  },
  '/v1/messages/count_tokens': {
    body: MESSAGES_BODY,
    fields: {
      ...PROMPT_FIELDS,
      'output_config.format': sample(FORMAT),
      output_format: sample(FORMAT),
      compaction: sample({ type: 'summarize' }),
    },
  },
  '/v1/responses': {
    body: {
      model: 'm',
      input: 'Hello',
      tools: [{ type: 'function', name: 'read', parameters: SCHEMA }],
    },
    fields: {
      model: sample('other'),
      input: sample([USER, { role: 'assistant', content: 'Hi' }, USER]),
      instructions: sample('Be brief.'),
      stream: sample(true),
      stream_options: sample({ include_obfuscation: false }),
      'stream_options.include_obfuscation': sample(true),
      max_output_tokens: sample(7),
      temperature: sample(0.5),
      top_p: sample(0.5),
      top_k: sample(5),
      thinking_budget_tokens: sample(100),
      reasoning: sample({ effort: 'low' }),
      'reasoning.effort': sample('none'),
      'reasoning.summary': sample('auto'),
      'reasoning.generate_summary': sample('auto'),
      text: sample({ format: { type: 'json_object' } }),
      'text.format': sample({ type: 'json_object' }),
      'text.format.type': sample('text', RESPONSE_FORMAT),
      'text.format.schema': sample(OTHER_SCHEMA, RESPONSE_FORMAT),
      'text.format.name': sample('y', RESPONSE_FORMAT),
      'text.format.strict': sample(true, RESPONSE_FORMAT),
      'text.format.description': { value: 'A.', beside: RESPONSE_FORMAT, neutral: '' },
      'text.verbosity': unless('low', 'medium'),
      tools: sample([]),
      'tools[].type': sample('custom'),
      'tools[].name': sample('write'),
      'tools[].description': sample('Reads a file.'),
      'tools[].parameters': sample(OTHER_SCHEMA),
      'tools[].strict': sample(true),
      'tools[].format': sample(
        { type: 'grammar', syntax: 'lark', definition: 'start: "a"' },
        CUSTOM,
      ),
      'tools[].tools': sample(RESPONSE_TOOLS, NAMESPACE),
      'tools[].defer_loading': sample(true),
      ...ITEM_SAMPLES,
      tool_choice: sample('required'),
      'tool_choice.type': sample('custom', {
        tools: [
          { type: 'function', name: 'read' },
          { type: 'custom', name: 'patch' },
        ],
        tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [], name: 'patch' },
      }),
      'tool_choice.name': sample('write', {
        tools: RESPONSE_TOOLS,
        tool_choice: { type: 'function', name: 'read' },
      }),
      'tool_choice.mode': sample('required', ALLOWED),
      'tool_choice.tools': sample([{ type: 'function', name: 'read' }], ALLOWED),
      'tool_choice.server_label': sample('files', {
        tool_choice: { type: 'function', name: 'read' },
      }),
      parallel_tool_calls: sample(false),
      metadata: sample({ topic: 'x' }),
      prompt_cache_key: sample('k'),
      user: sample('u'),
      include: sample(['reasoning.encrypted_content']),
      'include[]': {
        value: 'message.output_text.logprobs',
        beside: { include: ['x'] },
        neutral: 'y',
      },
      background: unless(true, false),
      previous_response_id: sample('resp_1'),
      conversation: sample('conv_1'),
      prompt: sample({ id: 'pmpt_1' }),
      context_management: unless([{ type: 'compaction' }], []),
      truncation: sample('auto'),
      store: sample(true),
      prompt_cache_retention: sample('24h'),
      service_tier: sample('flex'),
      safety_identifier: sample('x'),
      top_logprobs: unless(2, 0),
      max_tool_calls: sample(2),
    },
  },
  ...OLLAMA_SAMPLES,
};
