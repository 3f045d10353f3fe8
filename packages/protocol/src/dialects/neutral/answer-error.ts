import { CortexError, type ErrorCode, isErrorCode } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import type { AnswerError } from './answer-event.ts';

/** Codes for servers that send only a status. Other statuses say nothing about the request. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_request',
  413: 'request_too_large',
  429: 'rate_limit_exceeded',
  503: 'no_capacity',
  504: 'node_timeout',
  529: 'no_capacity',
};

const numberIn = (...values: readonly unknown[]): number | undefined =>
  values.find((value) => typeof value === 'number');

/** The object that describes the error in a body or an event of a node; undefined if it has none. */
function errorIn(body: JsonObject): JsonObject | undefined {
  const { error, object } = body;
  if (isJsonObject(error)) return error;
  if (typeof error === 'string') return { message: error };
  return object === 'error' ? body : undefined;
}

/**
 * The error that a node sent where its answer should be, or go on; undefined if `body` is not an error. Nodes send
 * OpenAI's envelope, with `status` and `retry_after_s` in a stream; external servers less.
 */
export function readAnswerError(body: JsonObject): CortexError | undefined {
  const error = errorIn(body);
  if (error === undefined) return undefined;
  const { code, message, param } = error;
  const status = numberIn(error['status'], error['code']) ?? 502;
  const known = typeof code === 'string' && isErrorCode(code) ? code : CODES[status];
  return new CortexError(
    known ?? 'node_protocol_error',
    typeof message === 'string' && message !== ''
      ? message
      : 'The node ended its answer with an error.',
    {
      param: typeof param === 'string' ? param : undefined,
      retryAfterS: numberIn(error['retry_after_s']),
      transient: known === 'model_load_failed' && status === 503 ? true : undefined,
    },
  );
}

/** The error of an answer, to be thrown or rendered. */
export const thrownError = (error: AnswerError): CortexError =>
  error instanceof CortexError
    ? error
    : new CortexError(isErrorCode(error.code) ? error.code : 'node_protocol_error', error.message, {
        retryAfterS: error.retryAfterS,
      });
