/** A request for each route of Ollama's API, and a value for each of its fields. */
import type { DialectRoute } from '../neutral/dialect-field.ts';
import { type RouteSamples, sample, type Samples, unless } from './sample.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAE=';
const SCHEMA = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
const OTHER_SCHEMA = { type: 'object', properties: { b: { type: 'number' } }, required: ['b'] };
const USER = { role: 'user', content: 'Hello' };

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

export const OLLAMA_SAMPLES: Readonly<
  Record<Extract<DialectRoute, `/api/${string}`>, RouteSamples>
> = {
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
