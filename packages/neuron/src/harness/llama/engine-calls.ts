import type { Engine } from '@cortex/engine';
import { CortexError, toCortexError } from '@cortex/protocol';

import type { HarnessRequest } from '../harness.ts';
import type { ServingEngine } from './serve.ts';

/** Error of calls whose engine ended during the call. */
const LOSS_CODES: ReadonlySet<string> = new Set([
  'node_recovering',
  'shutting_down',
  'upstream_disconnected',
]);

/** Pending calls per engine. The duration of a call is a valid measurement only if no other call ran. */
const callsOf = new WeakMap<Engine, number>();

/**
 * An error of an engine call for the caller: the reason of the cancel, the end of the engine, or the engine's error.
 */
function toCallError(error: unknown, serving: ServingEngine, signal: AbortSignal): CortexError {
  if (signal.aborted) {
    return signal.reason instanceof CortexError
      ? signal.reason
      : new CortexError('client_closed_request', 'The client closed the request.');
  }
  const known = toCortexError(error);
  return LOSS_CODES.has(known.code) ? serving.loss() : known;
}

/** A request that holds its seat until the call ends. */
export interface CallOptions {
  readonly modelId: string;
  readonly request: HarnessRequest;
  readonly serving: ServingEngine;
  readonly signal: AbortSignal;
}

/** The answer of a call and its duration in milliseconds. */
export interface CallAnswer<T> {
  readonly value: T;
  readonly tookMs: number;
}

/**
 * Makes a call with a single answer, for a request that holds a seat.
 *
 * `ended` is called exactly once, when the engine has answered or failed.
 *
 * @throws CortexError
 */
export async function callEngine<T>(
  { serving, request, signal }: CallOptions,
  call: (engine: Engine) => Promise<T>,
): Promise<CallAnswer<T>> {
  const { engine } = serving;
  const others = callsOf.get(engine) ?? 0;
  callsOf.set(engine, others + 1);
  const beganMs = performance.now();
  try {
    signal.throwIfAborted();
    const value = await call(engine);
    const tookMs = performance.now() - beganMs;
    request.ended({ kind: 'done', ...(others === 0 && { busyMs: tookMs }) });
    return { value, tookMs };
  } catch (error) {
    const failure = toCallError(error, serving, signal);
    if (signal.aborted) request.ended({ kind: 'cancelled' });
    else request.ended({ kind: failure.status < 500 ? 'refused' : 'failed' });
    throw failure;
  } finally {
    callsOf.set(engine, (callsOf.get(engine) ?? 1) - 1);
  }
}
