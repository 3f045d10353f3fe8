import type { JsonObject } from '../../json/json-object.ts';
import { nodeErrorIn, readNodeError, statusOfNodeError } from '../../node-error.ts';
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
  const error = readNodeError(nodeError, {
    status: statusOfNodeError(nodeError),
    otherwise: 'The node ended its answer with an error.',
  });
  return { kind: 'error', error, nodeError };
}
