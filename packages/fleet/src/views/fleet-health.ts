import { stateTraits } from '@cortex/protocol';

import type { FleetSnapshot, NodeSnapshot, Replica } from '../snapshot.ts';

/** The body of `GET /health`, as on the wire. */
export interface FleetHealth {
  readonly status: 'ok' | 'impaired' | 'degraded';
  readonly nodes: { readonly healthy: number; readonly total: number };
  /** Models on up nodes that should serve and cannot; absent when there are none. */
  readonly unservable?: readonly {
    readonly node: string;
    readonly model: string;
    readonly status: string;
    /** As the node says. */
    readonly reason?: string | undefined;
  }[];
}

/** A loaded model that the node reports as unservable counts as failed. */
function cannotServe({ isNodeUp, isServable, status }: Replica): boolean {
  const { serves, impairs } = stateTraits(status);
  return isNodeUp && !isServable && (serves || impairs);
}

const unservable = (replica: Replica) => ({
  node: replica.node,
  model: replica.model,
  status: replica.status,
  reason: replica.reason,
});

/** Down, or without an answer since the first poll. A node that has not been polled yet is neither. */
const isMissing = (node: NodeSnapshot): boolean =>
  !node.isExpectedOffline &&
  (node.state === 'down' || (node.state === 'unknown' && node.misses > 0));

/**
 * `impaired`: a model of an up node cannot serve. `degraded`: a required node is missing. A saturated model is
 * neither.
 */
export function fleetHealth(snapshot: FleetSnapshot): FleetHealth {
  const nodes = [...snapshot.nodes.values()];
  const broken = [...snapshot.replicasByModel.values()].flat().filter(cannotServe).map(unservable);
  const degraded = nodes.some(isMissing) ? 'degraded' : 'ok';
  return {
    status: broken.length > 0 ? 'impaired' : degraded,
    nodes: { healthy: nodes.filter(({ state }) => state === 'up').length, total: nodes.length },
    ...(broken.length > 0 && { unservable: broken }),
  };
}
