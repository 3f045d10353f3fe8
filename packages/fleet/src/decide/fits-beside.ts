import { stateTraits } from '@cortex/protocol';

import type { DecideState } from './decide-state.ts';
import { place } from './place.ts';

/**
 * Whether a node has room for the model beside what it holds, or loads it already. A model of which nobody knows the size
 * has room only on a node that holds nothing.
 */
export function fitsBeside(state: DecideState, model: string): boolean {
  const { nodes, replicasByModel } = state.snapshot;
  const replicas = replicasByModel.get(model) ?? [];
  if (replicas.some(({ isNodeUp, status }) => isNodeUp && stateTraits(status).underWay))
    return true;
  state.backOff.countSince(-Infinity);
  const placement = place(state, { model, tried: [], mayEvict: false });
  if (placement.kind !== 'plan') return false;
  if (placement.fit.set.needMib !== undefined) return true;
  return placement.candidates.some(
    ({ node, feasible }) => feasible && nodes.get(node)?.residents.length === 0,
  );
}
