/** A request for each route, and a value for each field of the tables that asks for something. */
import type { JsonObject } from '../../json/json-object.ts';
import type { DialectRoute } from '../neutral/dialect-field.ts';
import { BLOCK_SAMPLES } from './block-samples.ts';
import { ITEM_SAMPLES } from './item-samples.ts';
import { sample, type Samples, TOOL, unless } from './sample.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAE=';
const SCHEMA = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
const OTHER_SCHEMA = { type: 'object', properties: { b: { type: 'number' } }, required: ['b'] };
const CACHE = { type: 'ephemeral' };
const USER = { role: 'user', content: 'Hello' };

interface RouteSamples {
  readonly body: JsonObject;
  readonly fields: Samples;
}

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

const OPTIONS: Samples = {
  options: sample({ seed: 1 }),
  'options.temperature': sample(0.5),
  'options.top_p': sample(0.5),
  'options.top_k': sample(5),
  'options.min_p': sample(0.1),
  'options.num_predict': sample(5),
  'options.stop': sample(['x']),
  'options.seed': sample(1),
  'options.repeat_penalty': sample(1.1),
  'options.presence_penalty': sample(0.5),
  'options.frequency_penalty': sample(0.5),
  'options.repeat_last_n': unless(64, -1),
  'options.typical_p': unless(0.7, 1),
  'options.num_keep': sample(4),
  'options.tfs_z': sample(0.5),
  'options.mirostat': sample(1),
  'options.mirostat_tau': sample(5),
  'options.mirostat_eta': sample(0.1),
  'options.penalize_newline': sample(true),
  'options.numa': sample(true),
  'options.num_ctx': sample(4096),
  'options.num_batch': sample(512),
  'options.num_gpu': sample(1),
  'options.main_gpu': sample(0),
  'options.low_vram': sample(true),
  'options.f16_kv': sample(true),
  'options.logits_all': sample(true),
  'options.vocab_only': sample(true),
  'options.use_mmap': sample(true),
  'options.use_mlock': sample(true),
  'options.embedding_only': sample(true),
  'options.num_thread': sample(4),
};

const GENERATE_FIELDS: Samples = {
  ...OPTIONS,
  model: sample('other'),
  stream: sample(false),
  format: sample('json'),
  think: sample(false),
  keep_alive: sample('5m'),
  logprobs: unless(true, false),
  top_logprobs: sample(2),
  truncate: sample(false),
  shift: sample(false),
};

/** Two calls, and a result of one of them. */
const CALLS = {
  messages: [
    USER,
    {
      role: 'assistant',
      content: '',
      tool_calls: ['a', 'b'].map((name) => ({ id: `id-${name}`, function: { name } })),
    },
    { role: 'tool', content: 'done' },
  ],
};

const CALLED = {
  messages: [
    USER,
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ id: 'x', function: { name: 'read', arguments: { a: 'x' } } }],
    },
  ],
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
  '/api/chat': {
    body: {
      model: 'm',
      messages: [USER],
      tools: [{ type: 'function', function: { name: 'read', parameters: SCHEMA } }],
    },
    fields: {
      ...GENERATE_FIELDS,
      messages: sample([]),
      'messages[].role': sample('system'),
      'messages[].content': sample('Bye'),
      'messages[].thinking': sample('Hm.', { messages: [{ role: 'assistant', content: 'Hi' }] }),
      'messages[].images': sample([PNG]),
      'messages[assistant].images': {
        ...unless([PNG], []),
        put: (images) => ({ messages: [USER, { role: 'assistant', content: 'Hi', images }, USER] }),
      },
      'messages[].tool_calls': sample([{ function: { name: 'read', arguments: {} } }], {
        messages: [{ role: 'assistant', content: '' }],
      }),
      'messages[].tool_calls[].id': sample('y', CALLED),
      'messages[].tool_calls[].type': sample('function', CALLED),
      'messages[].tool_calls[].function': sample({ name: 'write' }, CALLED),
      'messages[].tool_calls[].function.name': sample('write', CALLED),
      'messages[].tool_calls[].function.arguments': sample({ a: 'y' }, CALLED),
      'messages[].tool_calls[].function.index': sample(3, CALLED),
      'messages[].tool_name': sample('b', CALLS),
      'messages[].name': sample('b', CALLS),
      'messages[].tool_call_id': sample('id-b', CALLS),
      tools: sample([]),
      'tools[].type': sample('other'),
      'tools[].function': sample({ name: 'write' }),
      'tools[].function.name': sample('write'),
      'tools[].function.description': sample('Reads a file.'),
      'tools[].function.type': sample('object'),
      'tools[].function.parameters': sample(OTHER_SCHEMA),
    },
  },
  '/api/generate': {
    body: { model: 'm', prompt: 'Hello' },
    fields: {
      ...GENERATE_FIELDS,
      prompt: sample('Bye'),
      suffix: sample('.'),
      system: sample('Be brief.'),
      images: sample([PNG]),
      raw: sample(true),
      template: unless('{{ .Prompt }}!', ''),
      context: unless([1, 2], []),
      width: sample(512),
      height: sample(512),
      steps: sample(4),
    },
  },
  '/api/embed': {
    body: { model: 'm', input: 'Hello' },
    fields: {
      model: sample('other'),
      input: sample(['a', 'b']),
      dimensions: sample(2),
      truncate: sample(false),
      keep_alive: sample('5m'),
      options: sample({ num_ctx: 512 }),
    },
  },
  '/api/embeddings': {
    body: { model: 'm', prompt: 'Hello' },
    fields: {
      model: sample('other'),
      prompt: sample('Bye'),
      keep_alive: sample('5m'),
      options: sample({ num_ctx: 512 }),
    },
  },
  '/api/show': {
    body: { model: 'm' },
    fields: {
      model: sample('other'),
      name: sample('other', { model: '', name: 'm' }),
      system: sample('Be brief.'),
      template: sample('{{ .Prompt }}'),
      options: sample({ num_ctx: 512 }),
      verbose: sample(true),
    },
  },
};
