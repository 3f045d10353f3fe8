import type { DialectName } from './dialects/dialect.ts';
import { toOllamaRefusal } from './dialects/ollama/refusal.ts';
import { type CortexError } from './errors.ts';
import { SSE_DONE } from './sse/comments.ts';
import { formatEvent } from './sse/format-event.ts';

interface RenderedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

const OPENAI_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  502: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

function openAiType(error: CortexError): string {
  if (error.code === 'insufficient_quota') return 'insufficient_quota';
  if (error.status >= 500) return 'server_error';
  return OPENAI_TYPES[error.status] ?? 'invalid_request_error';
}

/** Anthropic clients retry on 529 and treat 503 as an unknown failure. */
const anthropicStatus = (error: CortexError): number => (error.status === 503 ? 529 : error.status);

/** The text of an exception can contain anything, so the caller gets only the id of its log entry. */
function message(error: CortexError, requestId: string): string {
  return error.code === 'internal_error'
    ? `An internal error occurred (${requestId}).`
    : error.message;
}

/**
 * Anthropic clients recognise this text and shorten the prompt. OpenAI clients look for `maximum context length is
 * N tokens`, which is what the engine writes.
 */
function anthropicMessage(error: CortexError, requestId: string): string {
  const [, maximum] = /maximum context length is (\d+) tokens/.exec(error.message) ?? [];
  if (error.code !== 'context_length_exceeded' || maximum === undefined)
    return message(error, requestId);
  const counts = [...error.message.matchAll(/(\d+) tokens/g)].map(([, count]) => count);
  const asked = counts.find((count) => count !== maximum);
  return asked === undefined
    ? `prompt is too long: more than ${maximum} tokens`
    : `prompt is too long: ${asked} tokens > ${maximum} maximum`;
}

function retryHeaders(error: CortexError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.retryAfterS !== undefined) headers['retry-after'] = String(error.retryAfterS);
  if (error.status < 500 && error.code !== 'rate_limit_exceeded')
    headers['x-should-retry'] = 'false';
  return headers;
}

function openAiError(error: CortexError, requestId: string): Record<string, unknown> {
  return {
    message: message(error, requestId),
    type: openAiType(error),
    code: error.code,
    param: error.details.param ?? null,
    loading: error.details.loading,
    ...error.details.extra,
  };
}

function anthropicError(error: CortexError, requestId: string): Record<string, unknown> {
  return {
    type: ANTHROPIC_TYPES[anthropicStatus(error)] ?? 'invalid_request_error',
    message: anthropicMessage(error, requestId),
    loading: error.details.loading,
  };
}

/** An error as a complete HTTP answer in the dialect of the client. */
export function renderError(
  error: CortexError,
  dialect: DialectName,
  requestId: string,
): RenderedError {
  if (dialect !== 'anthropic') {
    const object = openAiError(error, requestId);
    return {
      status: error.status,
      headers: retryHeaders(error),
      body: dialect === 'ollama' ? toOllamaRefusal(object) : { error: object },
    };
  }
  return {
    status: anthropicStatus(error),
    headers: { ...retryHeaders(error), 'request-id': requestId },
    body: { type: 'error', error: anthropicError(error, requestId), request_id: requestId },
  };
}

/**
 * An error after a stream has been committed (behaviour 4): the last event of the stream in its dialect.
 *
 * OpenAI streams still end with `[DONE]`; Anthropic streams end with the error event.
 */
export function renderErrorEvent(
  error: CortexError,
  dialect: DialectName,
  requestId: string,
): string {
  const late = {
    status: dialect === 'anthropic' ? anthropicStatus(error) : error.status,
    retry_after_s: error.retryAfterS,
  };
  if (dialect !== 'anthropic') {
    return formatEvent({ error: { ...openAiError(error, requestId), ...late } }) + SSE_DONE;
  }
  const body = {
    type: 'error',
    error: { ...anthropicError(error, requestId), code: error.code, ...late },
    request_id: requestId,
  };
  return formatEvent(body, 'error');
}
