import { CortexError } from '@cortex/protocol';

import { ConnectionLost } from '../wire/wire-error.ts';
import { toNodeError } from '../nodes/node-error.ts';
import { type RefusalCode, type WholeAnswer } from './node-answer.ts';

/** Why an attempt may be followed by another one (behaviour 7). */
export type Failure = { readonly node: string; readonly model: string } & (
  | {
      readonly kind: 'unreachable';
      readonly error: CortexError;
      /** It was a connection that had been used before: the node itself may be well. */
      readonly isStaleConnection: boolean;
    }
  | { readonly kind: RefusalCode; readonly answer: WholeAnswer }
);

/** Thrown out of work whose client has left. */
export const clientLeft = (): CortexError =>
  new CortexError('client_closed_request', 'The client disconnected.');

/**
 * A transport failure before the head of an answer.
 *
 * @throws CortexError what is final: another attempt could do the work twice, or would meet the same answer
 */
export function toUnreachable(
  reason: unknown,
  { node, model }: { readonly node: string; readonly model: string },
): Failure {
  const error = toNodeError(reason, node);
  if (error.code !== 'node_unreachable') throw error;
  const isStaleConnection = reason instanceof ConnectionLost && reason.isReused;
  return { kind: 'unreachable', node, model, error, isStaleConnection };
}

/** How control says that there is no replica to go to, as opposed to a wait that has ended. */
const NO_REPLICA: ReadonlySet<string> = new Set([
  'no_capacity',
  'no_healthy_node',
  'model_not_found',
  'node_recovering',
]);

const notLoaded = ({ node, model }: Failure, cause?: CortexError): CortexError =>
  new CortexError('no_capacity', `Node ${node} no longer has ${model} loaded.`, { cause });

/**
 * The answer to give after the last attempt: that of the node, as it gave it.
 *
 * @throws CortexError where there is none to give: `model_not_loaded` never leaves cortex
 */
export function lastAnswer(failure: Failure, cause?: CortexError): WholeAnswer {
  if (failure.kind === 'unreachable') throw failure.error;
  if (failure.kind === 'model_not_loaded') throw notLoaded(failure, cause);
  return failure.answer;
}

/**
 * The answer to give when, after `failure`, there is no place for the request and `error` says why.
 *
 * @throws CortexError where the wait for a place has ended, or there is no answer to give
 */
export function answerWithoutPlace(failure: Failure | undefined, error: CortexError): WholeAnswer {
  // A request that a full queue sent back waits like any other: its wait ends as theirs do.
  if (failure === undefined || failure.kind === 'queue_full') throw error;
  const isFinal = NO_REPLICA.has(error.code) || error.code === 'model_load_failed';
  if (!isFinal) throw error;
  // Why the load failed says more than that it was needed.
  if (failure.kind === 'model_not_loaded' && error.code === 'model_load_failed') throw error;
  return lastAnswer(failure, error);
}
