import type { Engine } from '@cortex/engine';
import { CortexError, toCortexError } from '@cortex/protocol';

import type { HarnessRequest } from '../harness.ts';
import type { ServingEngine } from './serve.ts';

/** What calls reject with when the engine ends under them. */
const LOSS_CODES: ReadonlySet<string> = new Set([
  'node_recovering',
  'shutting_down',
  'upstream_disconnected',
]);

/** Calls of an engine that are under way: their times say how long one takes only where it was alone. */
const callsOf = new WeakMap<Engine, number>();

/**
 * An error of an engine's call as the caller sees it: why it was cancelled, what became of the engine, or what it
 * said.
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

/** A request whose seat ends with the call. */
export interface CallOptions {
  readonly modelId: string;
  readonly request: HarnessRequest;
  readonly serving: ServingEngine;
  readonly signal: AbortSignal;
}

/** The answer of a call with how long it took, milliseconds. */
export interface CallAnswer<T> {
  readonly value: T;
  readonly tookMs: number;
}

/**
 * A call that one answer ends, for a request that holds a seat.
 *
 * `ended` is called exactly once, when the engine has answered or given up.
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
