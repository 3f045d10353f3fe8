/** The same question and answer in the APIs that clients speak. */
import { expect } from 'bun:test';

import { type FakeExchange, SCRIPTED_USAGE } from '@cortex/testkit';

import { dataOf, toObject } from './gateway-under-test.ts';

type Json = Readonly<Record<string, unknown>>;

export interface ClientDialect {
  readonly name: 'openai' | 'anthropic' | 'responses' | 'ollama';
  /** Label in records. */
  readonly api: string;
  readonly path: string;
  readonly ask: (model: string, members?: Json) => Json;
  /** What the node must get as its last message. */
  readonly content: unknown;
  readonly streamType: string;
  /** The members that a whole answer `text` has. */
  readonly whole: (model: string, text: string) => Json;
  /** All events of a stream, in order. */
  readonly eventsOf: (stream: string) => readonly unknown[];
  /** The text that an event adds. */
  readonly textIn: (event: Json) => unknown;
  /** What a client gets while its node is silent. */
  readonly silence: string;
  /** The last event of a good stream. */
  readonly last: unknown;
  /** The body of a refusal. */
  readonly refusal: (error: Refused) => Json;
  /** The last events of a stream that failed. */
  readonly failure: (error: Refused) => readonly unknown[];
}

interface Refused {
  readonly status: number;
  readonly code: string;
  readonly message: unknown;
  /** Type in Anthropic's API. */
  readonly type?: string;
}

const linesOf = (stream: string): readonly unknown[] =>
  stream
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));

const MESSAGES = [{ role: 'user', content: 'hi' }];
const SSE = 'text/event-stream; charset=utf-8';

const firstOf = (value: unknown): Json => toObject(Array.isArray(value) ? value[0] : undefined);

const OPENAI: ClientDialect = {
  name: 'openai',
  api: 'chat',
  path: '/v1/chat/completions',
  ask: (model, members) => ({ model, messages: MESSAGES, ...members }),
  content: 'hi',
  streamType: SSE,
  whole: (_, content) => ({ choices: [{ message: { content } }] }),
  eventsOf: dataOf,
  textIn: ({ choices }) => toObject(firstOf(choices)['delta'])['content'],
  silence: ': keep-alive\n',
  last: '[DONE]',
  refusal: ({ code, message }) => ({ error: { code, message } }),
  failure: ({ code, message, status }) => [{ error: { code, message, status } }, '[DONE]'],
};

const COUNTED = {
  input_tokens: SCRIPTED_USAGE.prompt_tokens,
  output_tokens: SCRIPTED_USAGE.completion_tokens,
};

const ANTHROPIC_STATUS: Readonly<Record<number, number>> = { 503: 529 };

const ANTHROPIC: ClientDialect = {
  name: 'anthropic',
  api: 'messages',
  path: '/v1/messages',
  ask: (model, members) => ({ model, max_tokens: 8, messages: MESSAGES, ...members }),
  content: 'hi',
  streamType: SSE,
  whole: (model, text) => ({
    type: 'message',
    role: 'assistant',
    model,
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    usage: COUNTED,
  }),
  eventsOf: dataOf,
  textIn: ({ delta }) => toObject(delta)['text'],
  silence: 'event: ping',
  last: { type: 'message_stop' },
  refusal: ({ type, message }) => ({ type: 'error', error: { type, message } }),
  failure: ({ type, code, message, status }) => [
    { type: 'error', error: { type, code, message, status: ANTHROPIC_STATUS[status] ?? status } },
  ],
};

const RESPONSES: ClientDialect = {
  name: 'responses',
  api: 'responses',
  path: '/v1/responses',
  ask: (model, members) => ({ model, input: 'hi', ...members }),
  content: 'hi',
  streamType: SSE,
  whole: (model, text) => ({
    object: 'response',
    status: 'completed',
    model,
    output: [{ type: 'message', content: [{ type: 'output_text', text }] }],
    usage: COUNTED,
  }),
  eventsOf: dataOf,
  textIn: ({ type, delta }) => (type === 'response.output_text.delta' ? delta : undefined),
  silence: 'event: response.created',
  last: { type: 'response.completed', response: { status: 'completed', usage: COUNTED } },
  refusal: OPENAI.refusal,
  // The text also says when to try again.
  failure: ({ code, message }) => [
    {
      type: 'response.failed',
      response: {
        status: 'failed',
        error: {
          code,
          message: typeof message === 'string' ? expect.stringContaining(message) : message,
        },
      },
    },
  ],
};

/** Nanoseconds are those of the node, and of the request. */
const OLLAMA_END = {
  done: true,
  done_reason: 'stop',
  prompt_eval_count: SCRIPTED_USAGE.prompt_tokens,
  prompt_eval_duration: SCRIPTED_USAGE.prompt_ms * 1e6,
  eval_count: SCRIPTED_USAGE.completion_tokens,
  eval_duration: SCRIPTED_USAGE.decode_ms * 1e6,
  total_duration: expect.any(Number),
};

const OLLAMA_CHAT: ClientDialect = {
  name: 'ollama',
  api: 'ollama',
  path: '/api/chat',
  // Its default is a stream.
  ask: (model, members) => ({ model, messages: MESSAGES, stream: false, ...members }),
  content: 'hi',
  streamType: 'application/x-ndjson',
  whole: (model, content) => ({
    model,
    message: { role: 'assistant', content },
    ...OLLAMA_END,
  }),
  eventsOf: linesOf,
  textIn: ({ message }) => toObject(message)['content'],
  silence: '{"model":',
  last: OLLAMA_END,
  refusal: ({ code, message }) => ({ error: message, code }),
  failure: ({ code, message, status }) => [{ error: message, code, status }],
};

const OLLAMA_GENERATE: ClientDialect = {
  ...OLLAMA_CHAT,
  path: '/api/generate',
  ask: (model, members) => ({ model, prompt: 'hi', stream: false, ...members }),
  whole: (model, response) => ({ model, response, ...OLLAMA_END }),
  textIn: ({ response }) => response,
};

/** Those whose bodies are translated. */
export const TRANSLATED = [ANTHROPIC, RESPONSES, OLLAMA_CHAT, OLLAMA_GENERATE] as const;
export const CLIENTS = [OPENAI, ...TRANSLATED] as const;

/** One case per dialect, named by its path. */
export const byPath = (clients: readonly ClientDialect[]): readonly [string, ClientDialect][] =>
  clients.map((client) => [client.path, client]);

/** The text that a stream adds up to. */
export const streamedText = ({ eventsOf, textIn }: ClientDialect, stream: string): string =>
  eventsOf(stream)
    .map((event) => textIn(toObject(event)))
    .filter((text) => typeof text === 'string')
    .join('');

/** The body that a node received. */
export const receivedBy = ({ bytes }: FakeExchange): Json =>
  toObject(JSON.parse(new TextDecoder().decode(bytes)));

const { prompt_tokens, completion_tokens } = SCRIPTED_USAGE;
const USAGE = {
  prompt_tokens,
  completion_tokens,
  total_tokens: prompt_tokens + completion_tokens,
};

/** A whole chat answer of a node. */
export const chatAnswer = (content: string): Json => ({
  id: 'chatcmpl-fake',
  object: 'chat.completion',
  created: 1,
  model: 'org/model',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: USAGE,
});

/** Ends the answer of a node: the reason, then usage and `[DONE]`. */
export function finishChat(exchange: FakeExchange, finish_reason = 'stop'): void {
  exchange
    .event({ choices: [{ index: 0, delta: {}, finish_reason }] })
    .event({ choices: [], usage: USAGE })
    .finish();
}
