import type { CortexError } from '../../errors.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { renderError } from '../../render-error.ts';

/** An error that ends an answer, as the client is told of it. */
export interface ShownError {
  readonly code: string;
  readonly message: string;
  readonly retryAfterS?: number | undefined;
}

/** An error without what callers must not see. */
export function shownError(error: CortexError, requestId: string): ShownError {
  const { error: shown } = renderError(error, 'openai', requestId).body;
  const message = isJsonObject(shown) ? shown['message'] : undefined;
  return { code: error.code, message: String(message), retryAfterS: error.retryAfterS };
}
