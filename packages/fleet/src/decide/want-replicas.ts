/** How many replicas a model has, and when it gets another one. */
import { stateTraits } from '@cortex/protocol';

import { performPlacement } from './answer.ts';
import type { DecideState } from './decide-state.ts';
import { awaitsEstimate } from './estimates.ts';
import type { Action } from './events.ts';
import { comingMs } from './need.ts';
import { place } from './place.ts';
import { noteNext } from './replan.ts';

/** Replicas that serve or soon will. */
function countReplicas(state: DecideState, model: string): number {
  let count = 0;
  for (const { isReady, status, isNodeUp } of state.snapshot.replicasByModel.get(model) ?? []) {
    const isComing = stateTraits(status).underWay || status === 'recovering';
    if (isReady || (isNodeUp && isComing)) count += 1;
  }
  return count;
}

/** Another replica where there is room, once the oldest request has waited longer than a load takes there. */
export function wantAnother(state: DecideState, model: string, actions: Action[]): void {
  const { replicas = 1, maxReplicas = 1 } = state.snapshot.catalogue.get(model) ?? {};
  if (countReplicas(state, model) >= Math.max(replicas, maxReplicas)) return;
  if (awaitsEstimate(state, model, actions)) return;
  const placement = place(state, { model, tried: [], mayEvict: false });
  if (placement.kind !== 'plan') return;
  const oldestMs = state.queues.get(model)?.oldestMs ?? Infinity;
  const worthMs = oldestMs + comingMs(state, placement.node, model);
  if (worthMs > state.nowMs) {
    noteNext(state, model, worthMs);
    return;
  }
  const planned = { model, placement, why: 'another_replica', isDetached: false } as const;
  performPlacement(state, planned, actions);
}

/** A preloaded or wanted model keeps its number of replicas, where there is room. */
export function keepReplicas(state: DecideState, model: string, actions: Action[]): void {
  // A node that has not answered yet may have it: after a restart nothing is loaded twice.
  if (state.snapshot.pendingNodes > 0) return;
  if (state.dismissed.has(model)) return;
  const { preload = false, replicas = 1 } = state.snapshot.catalogue.get(model) ?? {};
  const count = countReplicas(state, model);
  // The first replica of a model that requests wait for is theirs to place: they may evict for it.
  const isKept = preload || state.reloads.has(model);
  const isWanted = isKept
    ? state.waiting(model) === 0 || count > 0
    : count > 0 && isUsed(state, model);
  if (!isWanted || count >= replicas || awaitsEstimate(state, model, actions)) return;
  const placement = place(state, { model, tried: [], mayEvict: false });
  if (placement.kind === 'impossible') {
    noteNext(state, model, state.backOff.nextEndMs(model));
    return;
  }
  performPlacement(state, { model, placement, why: 'preload', isDetached: isKept }, actions);
}

const isUsed = (state: DecideState, model: string): boolean =>
  state.waiting(model) > 0 || state.leases.ownByNode(model) !== undefined;
