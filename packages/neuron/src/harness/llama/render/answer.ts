import type { EngineEvent, StepItem } from '@cortex/engine';

export type DoneEvent = Extract<EngineEvent, { type: 'done' }>;

/** Members that every chunk of an answer has. */
export interface AnswerIdentity {
  /** `chatcmpl-…` or `cmpl-…`. */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** The model id of the request. */
  readonly model: string;
}

/** OpenAI's `include_usage`; `undefined` if the request does not set it. */
export type IncludeUsage = boolean | undefined;

/** Format of calls: `tool_calls` for `tools`, `function_call` for the older `functions`. */
export type CallForm = 'tool_calls' | 'function_call';

export interface AnswerOptions {
  readonly callForm: CallForm;
}

export interface StreamOptions extends AnswerOptions {
  /** Number of choices. */
  readonly n: number;
  readonly includeUsage: IncludeUsage;
}

/** Renders engine events as server-sent events of one route. Every method returns text ready to send. */
export interface StreamRenderer {
  /** Sent when the request is accepted, before the first token. */
  accepted(): string;
  items(items: readonly StepItem[]): string;
  /** Finish chunks and usage; the caller adds the usage comment and `[DONE]`. */
  finish(done: DoneEvent): string;
}

/** Collects engine events into one JSON answer. */
export interface AnswerRenderer {
  items(items: readonly StepItem[]): void;
  finish(done: DoneEvent): Record<string, unknown>;
}

const ID_ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Prefix and 24 characters of base62, which is 142 random bits. */
export function answerId(prefix: 'chatcmpl-' | 'cmpl-'): string {
  let id: string = prefix;
  for (const byte of crypto.getRandomValues(new Uint8Array(24))) {
    id += ID_ALPHABET[byte % ID_ALPHABET.length] ?? '0';
  }
  return id;
}

/** The finish reason as OpenAI names it: a cancelled answer counts as `stop`. */
export function wireFinish(
  reason: DoneEvent['finish'][number]['reason'],
  callForm: CallForm = 'tool_calls',
): string {
  if (reason === 'cancelled') return 'stop';
  return reason === 'tool_calls' ? callForm : reason;
}
