import { CortexError } from '@cortex/protocol';

import { WireError } from '../wire/response-parser.ts';
import { type RefusalCode, type WholeAnswer } from './node-answer.ts';

/** Why an attempt may be followed by another one (behaviour 7). */
export type Failure =
  | { readonly kind: 'unreachable'; readonly error: CortexError }
  | { readonly kind: RefusalCode; readonly answer: WholeAnswer };

/** Thrown out of work that nobody waits for any more. */
export const clientLeft = (): CortexError =>
  new CortexError('client_closed_request', 'The client left.');

/**
 * A transport failure before the head of an answer, as the client is told if no other replica answers.
 *
 * @throws CortexError what is final: another attempt could do the work twice, or would meet the same answer.
 */
export function toUnreachable(reason: unknown, node: string): CortexError {
  if (reason instanceof CortexError) {
    if (reason.code === 'node_timeout' || reason.code === 'shutting_down') throw reason;
    return reason;
  }
  if (reason instanceof WireError) {
    throw new CortexError(
      'node_protocol_error',
      `Node ${node} did not answer in HTTP: ${reason.message}.`,
      { cause: reason },
    );
  }
  return new CortexError('node_unreachable', `Node ${node} could not be reached.`, {
    cause: reason,
  });
}

/** What the client is told when, after `failure`, there is no other replica and `error` says why. */
export function reasonAfter(
  failure: Failure | undefined,
  error: CortexError,
  model: string,
): CortexError {
  if (failure === undefined || error.code === 'client_closed_request') return error;
  if (failure.kind === 'unreachable') return failure.error;
  // That the model is gone from its node is no reason to say that nobody knows it.
  if (error.code !== 'model_not_found') return error;
  return new CortexError('no_capacity', `${model} is not loaded any more.`, { cause: error });
}

/**
 * The answer to give after the last attempt.
 *
 * @throws CortexError where there is none to give: `model_not_loaded` never leaves cortex.
 */
export function lastAnswer(
  failure: Failure,
  { node, model }: { readonly node: string; readonly model: string },
): WholeAnswer {
  if (failure.kind === 'unreachable') throw failure.error;
  if (failure.kind !== 'model_not_loaded') return failure.answer;
  throw new CortexError('no_capacity', `Node ${node} does not have ${model} loaded any more.`);
}
