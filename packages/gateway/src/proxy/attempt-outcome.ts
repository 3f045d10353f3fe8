/** What the end of an attempt says about its node: that it works, that it fails requests, or nothing (undefined). */
import type { AttemptOutcome } from '@cortex/fleet';
import type { CortexError } from '@cortex/protocol';

import type { Failure } from './attempt-failure.ts';

const SUCCEEDED: AttemptOutcome = { kind: 'succeeded' };
const FIRST_SERVER_ERROR = 500;
/** Nodes choose their codes. */
const MAX_CODE_CHARS = 64;

/**
 * Errors with which a node that works refuses. `node_recovering` is none of them once the request has been taken: then
 * the engine died of it, or with it.
 */
const REFUSALS: ReadonlySet<string> = new Set([
  'queue_full',
  'model_not_loaded',
  'shutting_down',
  'no_capacity',
  'model_loading',
  'insufficient_vram',
]);

/** Errors of cortex that are the fault of the node. */
const FAULTS: ReadonlySet<string> = new Set([
  'node_unreachable',
  'node_protocol_error',
  'upstream_disconnected',
  'node_timeout',
]);

/** Of an answer that the node gave, with its error code if it is an error. An error of the client says nothing. */
export function outcomeOfAnswer(
  status: number,
  code: string | undefined,
): AttemptOutcome | undefined {
  if (code === undefined) return SUCCEEDED;
  if (status < FIRST_SERVER_ERROR || REFUSALS.has(code)) return undefined;
  return { kind: 'failed', code: code.slice(0, MAX_CODE_CHARS) };
}

/** Of an attempt that ended with an error of cortex. */
export const outcomeOfError = ({ code }: CortexError): AttemptOutcome | undefined =>
  FAULTS.has(code) ? { kind: 'failed', code } : undefined;

/** Of an attempt after which another one is allowed: a node that refuses works. */
export const outcomeOfFailure = (failure: Failure): AttemptOutcome | undefined =>
  failure.kind === 'unreachable' ? outcomeOfError(failure.error) : undefined;
