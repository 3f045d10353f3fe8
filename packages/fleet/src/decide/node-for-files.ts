import { stateTraits } from '@cortex/protocol';

import type { DecideState } from './decide-state.ts';
import { place } from './place.ts';

/** The node that has the model or would load it, for a download of its files; undefined: none can. */
export function nodeForFiles(state: DecideState, model: string): string | undefined {
  const replicas = state.snapshot.replicasByModel.get(model) ?? [];
  const there =
    replicas.find(({ isReady }) => isReady) ??
    replicas.find(({ isNodeUp, status }) => isNodeUp && stateTraits(status).underWay);
  if (there) return there.node;
  state.backOff.countSince(Infinity);
  const placement = place(state, { model, tried: [], mayEvict: true, isUrgent: true });
  switch (placement.kind) {
    case 'plan':
      return placement.node;
    case 'blocked':
      return placement.nodes[0];
    case 'impossible':
      return undefined;
  }
}
