import type { CortexError } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { renderError } from '../../render-error.ts';

/** The error of a response. */
export interface ResponseError extends JsonObject {
  readonly code: string;
  readonly message: string;
}

/**
 * An error that ends an answer, as the client is told of it: without what callers must not see, and with the status that
 * the answer can no longer have. The message repeats when to try again, because clients of this API look for it there.
 */
export function responseError(error: CortexError, requestId: string): ResponseError {
  const { error: shown } = renderError(error, 'openai', requestId).body;
  const { message, type: _type, param: _param, ...members } = isJsonObject(shown) ? shown : {};
  const { code, status, retryAfterS } = error;
  const hint = retryAfterS === undefined ? '' : ` Please try again in ${retryAfterS}s.`;
  return {
    ...members,
    code,
    message: `${String(message)}${hint}`,
    status,
    retry_after_s: retryAfterS,
  };
}
