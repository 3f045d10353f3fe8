/** The POST routes of the gateway that clients use, each with a valid body and the form of its errors. */
import { ErrorEnvelope } from '@cortex/protocol';
import { z } from 'zod';

import { INFERENCE_ROUTES } from '../../packages/gateway/src/api/inference-routes.ts';

const AnthropicError = z.object({
  type: z.literal('error'),
  error: z.object({ type: z.string().min(1), message: z.string().min(1) }),
  request_id: z.string().min(1),
});
const OllamaError = z.looseObject({ error: z.string().min(1) });

const ENVELOPES = {
  openai: ErrorEnvelope,
  responses: ErrorEnvelope,
  anthropic: AnthropicError,
  ollama: OllamaError,
} as const;

export interface PostRoute {
  readonly path: string;
  readonly contentType: string;
  /** A valid body. */
  readonly body: string;
  /** The answer to it from a node with the models of `MODELS`. */
  readonly status: 200 | 422;
  /** Whether an error of this API has this body. */
  readonly isRefusal: (body: unknown) => boolean;
}

const MODEL = 'cortex-tiny';
const EMBEDDING = 'tiny-embedding';
const RANK = 'tiny-rank';

/** The models that the bodies name. */
export const MODELS = { chat: MODEL, embedding: EMBEDDING, rank: RANK } as const;

const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const WEATHER = { name: 'get_weather', description: 'Weather of a city', parameters: SCHEMA };

const CHAT = {
  model: MODEL,
  max_tokens: 4,
  stream: false,
  temperature: 0.5,
  stop: ['###'],
  messages: [
    { role: 'system', content: 'You are brief.' },
    { role: 'user', content: [{ type: 'text', text: 'What is cortex?' }] },
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        {
          id: 'call_1',
          type: 'function',
          function: { name: 'get_weather', arguments: '{"city":"Rome"}' },
        },
      ],
    },
    { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
  ],
  tools: [{ type: 'function', function: WEATHER }],
  tool_choice: 'auto',
  response_format: { type: 'text' },
  stream_options: { include_usage: true },
};

const MESSAGES = {
  model: MODEL,
  max_tokens: 4,
  stream: true,
  system: [{ type: 'text', text: 'You are brief.', cache_control: { type: 'ephemeral' } }],
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'What is cortex?' }] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'It asks.', signature: 'abc' },
        { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Rome' } },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'sunny' }] },
      ],
    },
  ],
  tools: [{ name: 'get_weather', description: 'Weather', input_schema: SCHEMA }],
  tool_choice: { type: 'auto' },
  stop_sequences: ['###'],
  metadata: { user_id: 'u' },
};

const RESPONSES = {
  model: MODEL,
  max_output_tokens: 16,
  stream: true,
  instructions: 'You are brief.',
  input: [
    { role: 'user', content: [{ type: 'input_text', text: 'What is cortex?' }] },
    { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'It asks.' }] },
    { type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{"city":"Rome"}' },
    { type: 'function_call_output', call_id: 'call_1', output: 'sunny' },
  ],
  tools: [{ type: 'function', ...WEATHER }],
  tool_choice: 'auto',
  text: { format: { type: 'text' } },
  store: false,
};

const OLLAMA_OPTIONS = { num_predict: 4, temperature: 0.5, stop: ['###'] };
const OLLAMA_CHAT = {
  model: MODEL,
  stream: true,
  options: OLLAMA_OPTIONS,
  messages: [
    { role: 'user', content: 'What is cortex?', images: [] },
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ function: { name: 'get_weather', arguments: { city: 'Rome' } } }],
    },
    { role: 'tool', tool_name: 'get_weather', content: 'sunny' },
  ],
  tools: [{ type: 'function', function: WEATHER }],
  format: SCHEMA,
  keep_alive: '5m',
};

const FORM = ['file"; filename="a.wav"', 'model"', 'language"']
  .map((name) => `--x\r\ncontent-disposition: form-data; name="${name}\r\n\r\n${MODEL}\r\n`)
  .join('');

const FORM_TYPE = 'multipart/form-data; boundary=x';
const BODIES: Readonly<Record<string, object | string>> = {
  '/v1/chat/completions': CHAT,
  '/v1/completions': {
    model: MODEL,
    prompt: ['What is', [5, 6, 7]],
    max_tokens: 4,
    stream: true,
    n: 1,
    logprobs: 1,
    logit_bias: { '5': -1 },
    seed: 1,
  },
  '/v1/messages': MESSAGES,
  '/v1/messages/count_tokens': { ...MESSAGES, max_tokens: undefined, stream: undefined },
  '/v1/responses': RESPONSES,
  '/api/chat': OLLAMA_CHAT,
  '/api/generate': {
    model: MODEL,
    prompt: 'What is cortex?',
    suffix: '',
    system: 'You are brief.',
    stream: false,
    options: OLLAMA_OPTIONS,
    think: false,
    context: [1, 2],
  },
  '/api/embed': { model: EMBEDDING, input: ['the old ship', 'a fox'], truncate: true },
  '/api/embeddings': { model: EMBEDDING, prompt: 'the old ship' },
  '/api/show': { model: MODEL, verbose: false },
  '/v1/embeddings': {
    model: EMBEDDING,
    input: ['the old ship', 'a fox'],
    encoding_format: 'float',
  },
  '/v1/rerank': {
    model: RANK,
    query: 'light',
    documents: ['a desk', { text: 'the sea' }],
    top_n: 1,
  },
  '/v1/images/generations': { model: MODEL, prompt: 'a ship', n: 1, size: '64x64' },
  '/v1/audio/speech': { model: MODEL, input: 'a ship', voice: 'x' },
  '/v1/audio/transcriptions': `${FORM}--x--\r\n`,
  '/v1/audio/translations': `${FORM}--x--\r\n`,
  '/tokenize': { model: MODEL, content: 'the old ship', add_special: true, with_pieces: true },
  '/detokenize': { model: MODEL, tokens: [5, 6, 7] },
};

/** Routes for which no small model exists: the node refuses them. */
const WITHOUT_MODEL = /^\/v1\/(?:images|audio)\//;

/** @throws Error for a route that has no body above: a new route needs one */
function bodyOf(path: string): Omit<PostRoute, 'path' | 'isRefusal'> {
  const body = BODIES[path];
  const status = WITHOUT_MODEL.test(path) ? 422 : 200;
  if (body === undefined) throw new Error(`no valid body of POST ${path} is known to this test`);
  return typeof body === 'string'
    ? { contentType: FORM_TYPE, body, status }
    : { contentType: 'application/json', body: JSON.stringify(body), status };
}

const refusalOf =
  (dialect: keyof typeof ENVELOPES) =>
  (body: unknown): boolean =>
    ENVELOPES[dialect].safeParse(body).success;

export const POST_ROUTES: readonly PostRoute[] = [
  ...INFERENCE_ROUTES.map(({ path, dialect }) => ({
    path,
    ...bodyOf(path),
    isRefusal: refusalOf(dialect.name),
  })),
  { path: '/api/show', ...bodyOf('/api/show'), isRefusal: refusalOf('ollama') },
];
