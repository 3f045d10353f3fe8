/** Refusals of requests that waited, or that find too many waiting: when they are to come back, and to what. */
import type { Waits } from './answer.ts';
import type { DecideState } from './decide-state.ts';
import type { DecideRefusal, FleetRequest } from './events.ts';
import type { UnderWay } from './record.ts';
import { underWay } from './under-way.ts';

/** A client that is to come back and knows no time. */
const UNKNOWN_RETRY_MS = 5000;
/** Clients come back within this time, or not at all (contracts, section 2). */
const MAX_RETRY_MS = 60_000;
const MIN_RETRY_MS = 1000;

/** When a client is to come back for what is under way. */
const retryInMs = (wait: UnderWay | undefined): number =>
  Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, wait?.etaMs ?? UNKNOWN_RETRY_MS));

/** Clients add to the time that they are told, and the request itself has to arrive. */
const LATE_MS = 30_000;

/** Keeps the load of a model for clients that were told to come back. */
function keepForReturn(state: DecideState, model: string, inMs: number): void {
  const untilMs = state.nowMs + inMs + LATE_MS;
  for (const reservation of state.reservations.get(model)?.values() ?? []) {
    reservation.wantedUntilMs = Math.max(reservation.wantedUntilMs, untilMs);
  }
}

/**
 * The time of a request is over. A client whose request was held is told to come back, and the load goes on until then. A
 * stream has waited its whole time.
 */
export function tooLong(
  state: DecideState,
  request: FleetRequest,
  { waitedFor, candidates }: Waits,
): DecideRefusal {
  const { model, node, arrivedMs, stream } = request;
  const wait = waitedFor === 'seat' ? undefined : underWay(state, { model, node });
  const isFinal = stream && waitedFor !== 'pull' && waitedFor !== 'seat';
  const inMs = isFinal ? undefined : retryInMs(wait);
  if (wait && inMs !== undefined) keepForReturn(state, model, inMs);
  const waitedMs = state.nowMs - arrivedMs;
  return {
    kind: 'waited_too_long',
    waitedFor,
    waitedMs,
    retryInMs: inMs,
    underWay: wait,
    candidates,
  };
}

/** Too many wait already. The load goes on until the client has come back. */
export function tooMany(state: DecideState, { model, node }: FleetRequest): DecideRefusal {
  const wait = underWay(state, { model, node });
  const inMs = retryInMs(wait);
  if (wait) keepForReturn(state, model, inMs);
  return { kind: 'queue_full', waiting: state.waiting(model), retryInMs: inMs, underWay: wait };
}
