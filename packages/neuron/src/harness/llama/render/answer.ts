import type { EngineEvent, StepItem } from '@cortex/engine';

export type DoneEvent = Extract<EngineEvent, { type: 'done' }>;

/** What every piece of one answer carries. */
export interface AnswerIdentity {
  /** `chatcmpl-…` or `cmpl-…`. */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** The id that the caller asked for. */
  readonly model: string;
}

/** OpenAI's rule for usage on streams: `undefined` = the caller did not say. */
export type IncludeUsage = boolean | undefined;

/** How calls are written: to `tools` as `tool_calls`, to the older `functions` as `function_call`. */
export type CallForm = 'tool_calls' | 'function_call';

export interface AnswerOptions {
  readonly callForm: CallForm;
}

export interface StreamOptions extends AnswerOptions {
  /** Choices asked for. */
  readonly n: number;
  readonly includeUsage: IncludeUsage;
}

/** Folds engine events into server-sent events of one route. Every method returns text ready to send. */
export interface StreamRenderer {
  /** Sent when the request is accepted, before the first token. */
  accepted(): string;
  items(items: readonly StepItem[]): string;
  /** Finish chunks and usage; the caller adds the usage comment and `[DONE]`. */
  finish(done: DoneEvent): string;
}

/** Folds engine events into one JSON answer. */
export interface AnswerRenderer {
  items(items: readonly StepItem[]): void;
  finish(done: DoneEvent): Record<string, unknown>;
}

const ID_ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Prefix and 24 characters of base62, 142 bits of which are random enough to never meet again. */
export function answerId(prefix: 'chatcmpl-' | 'cmpl-'): string {
  let id: string = prefix;
  for (const byte of crypto.getRandomValues(new Uint8Array(24))) {
    id += ID_ALPHABET[byte % ID_ALPHABET.length] ?? '0';
  }
  return id;
}

/** The finish reason as OpenAI names it: an answer that was cut off counts as `stop`. */
export function wireFinish(
  reason: DoneEvent['finish'][number]['reason'],
  callForm: CallForm = 'tool_calls',
): string {
  if (reason === 'cancelled') return 'stop';
  return reason === 'tool_calls' ? callForm : reason;
}
