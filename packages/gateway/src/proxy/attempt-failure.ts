import { CortexError } from '@cortex/protocol';

import { ConnectionLost } from '../wire/wire-error.ts';
import { toNodeError } from '../nodes/node-error.ts';
import { type RefusalCode, type WholeAnswer } from './node-answer.ts';

/** The failure of an attempt after which another one is allowed (behaviour 7). */
export type Failure = { readonly node: string; readonly model: string } & (
  | {
      readonly kind: 'unreachable';
      readonly error: CortexError;
      /** The connection had been used before, so the node may be healthy. */
      readonly isStaleConnection: boolean;
    }
  | { readonly kind: RefusalCode; readonly answer: WholeAnswer }
);

/** Thrown by work whose client has disconnected. */
export const clientLeft = (): CortexError =>
  new CortexError('client_closed_request', 'The client disconnected.');

/** For an answer whose end is missing. */
export const brokenOff = (node: string, cause?: unknown): CortexError =>
  new CortexError(
    'upstream_disconnected',
    `Node ${node} closed the connection in the middle of its answer.`,
    { cause },
  );

/**
 * Converts a transport failure before the head of an answer.
 *
 * @throws CortexError if the failure is final: another attempt could do the work twice, or would get the same answer
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

/** Codes with which control reports that there is no replica, in contrast to a wait that has ended. */
const NO_REPLICA: ReadonlySet<string> = new Set([
  'no_capacity',
  'no_healthy_node',
  'model_not_found',
  'node_recovering',
]);

/** `model_not_loaded` of a node in words for clients. */
export const notLoaded = (
  { node, model }: { readonly node: string; readonly model: string },
  cause?: CortexError,
): CortexError =>
  new CortexError('no_capacity', `Node ${node} no longer has ${model} loaded.`, { cause });

/**
 * The answer after the last attempt: the one of the node, unchanged.
 *
 * @throws CortexError if there is none: `model_not_loaded` is never sent to a client
 */
export function lastAnswer(failure: Failure, cause?: CortexError): WholeAnswer {
  if (failure.kind === 'unreachable') throw failure.error;
  if (failure.kind === 'model_not_loaded') throw notLoaded(failure, cause);
  return failure.answer;
}

/**
 * The answer when, after `failure`, `acquire` rejected with `error`.
 *
 * @throws CortexError if the wait for a slot has ended, or there is no answer
 */
export function answerWithoutPlace(failure: Failure | undefined, error: CortexError): WholeAnswer {
  // A request that was refused with `queue_full` waits like any other, and its wait ends with the same error.
  if (failure === undefined || failure.kind === 'queue_full') throw error;
  const isFinal = NO_REPLICA.has(error.code) || error.code === 'model_load_failed';
  if (!isFinal) throw error;
  // The reason of the failed load is more useful than the fact that a load was needed.
  if (failure.kind === 'model_not_loaded' && error.code === 'model_load_failed') throw error;
  return lastAnswer(failure, error);
}
