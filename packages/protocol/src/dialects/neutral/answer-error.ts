import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { codeFor, nodeErrorIn, statusOfNodeError } from '../../node-error.ts';
import type { AnswerEvent } from './answer-event.ts';

/**
 * The error that a node sent where its answer should be, or go on; undefined if `body` is not an error. Nodes send
 * OpenAI's envelope, with `status` and `retry_after_s` in a stream; external servers less.
 */
export function readAnswerError(
  body: JsonObject,
): Extract<AnswerEvent, { kind: 'error' }> | undefined {
  const nodeError = nodeErrorIn(body);
  if (nodeError === undefined) return undefined;
  const { code, message, param, retry_after_s: retryAfterS } = nodeError;
  const status = statusOfNodeError(nodeError);
  const text =
    typeof message === 'string' && message !== ''
      ? message
      : 'The node ended its answer with an error.';
  const error = new CortexError(codeFor(code, status), text, {
    param: typeof param === 'string' ? param : undefined,
    retryAfterS: typeof retryAfterS === 'number' ? retryAfterS : undefined,
    transient: status === 503,
  });
  return { kind: 'error', error, nodeError };
}
