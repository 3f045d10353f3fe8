import { CortexError, isErrorCode } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { renderError } from '../../render-error.ts';

/** An error that ends an answer, as the client is told of it. */
export interface ShownError {
  readonly code: string;
  readonly message: string;
  readonly retryAfterS?: number | undefined;
}

const textOf = (value: unknown, otherwise: string): string =>
  typeof value === 'string' && value !== '' ? value : otherwise;

const toShown = (error: JsonObject): ShownError => ({
  code: textOf(error['code'], 'server_error'),
  message: textOf(error['message'], 'The node ended its answer with an error.'),
  retryAfterS: typeof error['retry_after_s'] === 'number' ? error['retry_after_s'] : undefined,
});

/** The error in an event or answer of a node; undefined: it is not an error. */
export function nodeError(data: unknown): ShownError | undefined {
  if (!isJsonObject(data)) return undefined;
  const { error } = data;
  if (typeof error === 'string') return toShown({ message: error });
  return isJsonObject(error) ? toShown(error) : undefined;
}

/** An error of cortex without what callers must not see. */
export function shownError(error: CortexError, requestId: string): ShownError {
  const { error: shown } = renderError(error, 'openai', requestId).body;
  return { ...toShown(isJsonObject(shown) ? shown : {}), retryAfterS: error.retryAfterS };
}

/** An error of a node as one that is thrown, for answers that are not streamed. */
export function toThrown({ code, message, retryAfterS }: ShownError): CortexError {
  const known = isErrorCode(code) ? code : 'node_protocol_error';
  return new CortexError(known, message, { retryAfterS });
}
