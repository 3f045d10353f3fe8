import type { CortexError } from '../../errors.ts';
import { renderError } from '../../render-error.ts';
import { toLine } from './write-line.ts';

/** The last line of a stream that failed. It carries the status that the answer can no longer have. */
export function renderOllamaErrorLine(error: CortexError, requestId: string): string {
  const { body } = renderError(error, 'ollama', requestId);
  const late = { status: error.status, retry_after_s: error.retryAfterS };
  return toLine({ ...body, ...late });
}
