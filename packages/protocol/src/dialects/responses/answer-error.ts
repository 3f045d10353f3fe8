import { CortexError, isErrorCode } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { renderError } from '../../render-error.ts';
import type { AnswerError } from '../neutral/answer-event.ts';

const textOf = (value: unknown, otherwise: string): string =>
  typeof value === 'string' && value !== '' ? value : otherwise;
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : undefined;

function toAnswerError(error: JsonObject): AnswerError {
  return {
    code: textOf(error['code'], 'server_error'),
    status: numberOf(error['status']) ?? 502,
    message: textOf(error['message'], 'The node failed.'),
    retryAfterS: numberOf(error['retry_after_s']),
  };
}

/** The error in an event or answer of a node; undefined: it is not an error. */
export function nodeError(data: unknown): AnswerError | undefined {
  if (!isJsonObject(data)) return undefined;
  const { error } = data;
  if (typeof error === 'string') return toAnswerError({ message: error });
  return isJsonObject(error) ? toAnswerError(error) : undefined;
}

/** An error of cortex, as the client may see it. */
export function cortexError(error: CortexError, requestId: string): AnswerError {
  const { body, status } = renderError(error, 'openai', requestId);
  const shown = isJsonObject(body['error']) ? body['error'] : {};
  return { ...toAnswerError(shown), status, retryAfterS: error.retryAfterS };
}

/** An error of a node as one that is thrown, for answers that are not streamed. */
export function toThrown({ code, message, retryAfterS }: AnswerError): CortexError {
  const known = isErrorCode(code) ? code : 'node_protocol_error';
  return new CortexError(known, message, { retryAfterS });
}
