/** The ends of loads that nobody wants any more, and what keeps one going. */
import { stateTraits } from '@cortex/protocol';

import type { DecideState, Reservation } from './decide-state.ts';
import type { Action } from './events.ts';
import { joinLoad } from './loads.ts';
import { noteNext } from './replan.ts';

function cancel(reservation: Reservation, actions: Action[]): void {
  const { model, node, isCancelled } = reservation;
  if (isCancelled) return;
  reservation.isCancelled = true;
  actions.push({ kind: 'cancel_load', model, node });
}

/** Clients that were told to come back want it. */
const isAwaited = ({ nowMs }: DecideState, { wantedUntilMs }: Reservation): boolean =>
  wantedUntilMs > nowMs;

/** Has a load that is under way, whoever started it, go on although nobody waits. */
export function keepLoad(
  state: DecideState,
  { model, node }: { readonly model: string; readonly node: string },
  actions: Action[],
): void {
  const reservation = state.reservation(node, model);
  if (!reservation) {
    joinLoad(state, { model, node, isDetached: true }, actions);
    return;
  }
  if (reservation.isDetached) return;
  reservation.isDetached = true;
  actions.push({ kind: 'keep_load', model, node });
}

/** Ends loads for requests that were all served elsewhere. One that ends now anyway is left to its end. */
export function cancelSurplus(state: DecideState, model: string, actions: Action[]): void {
  for (const reservation of state.reservations.get(model)?.values() ?? []) {
    const { node, isDetached, record } = reservation;
    if (isAwaited(state, reservation)) continue;
    const status = state.snapshot.nodes.get(node)?.replicas.get(model)?.status ?? 'unloaded';
    const isForRequests = record.why === 'waiting' || record.why === 'joined';
    if (isDetached || !isForRequests || !stateTraits(status).underWay) continue;
    cancel(reservation, actions);
  }
}

/** Loads that nobody waits for any more and that nobody asked for by hand end (behaviour 21). */
export function cancelUnwanted(state: DecideState, model: string, actions: Action[]): void {
  for (const reservation of state.reservations.get(model)?.values() ?? []) {
    const { node, isDetached } = reservation;
    if (isDetached || isAwaited(state, reservation)) continue;
    if (state.queues.get(model)?.wants(node) === true) continue;
    cancel(reservation, actions);
  }
}

/** Loads that were kept for clients that did not come back end, unless others wait now. */
export function cancelKept(state: DecideState, model: string, actions: Action[]): void {
  for (const reservation of state.reservations.get(model)?.values() ?? []) {
    const { node, wantedUntilMs, isDetached } = reservation;
    noteNext(state, model, wantedUntilMs);
    if (wantedUntilMs === -Infinity || isAwaited(state, reservation)) continue;
    reservation.wantedUntilMs = -Infinity;
    if (!isDetached && state.queues.get(model)?.wants(node) !== true) cancel(reservation, actions);
  }
}
