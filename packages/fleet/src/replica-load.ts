import type { Replica } from './snapshot.ts';

/**
 * Requests on a replica now, as well as cortex can know: what it holds itself, or what the node reported
 * with the own part of that report replaced by what is held now (behaviour 39a).
 *
 * @param own - Own leases on it now, summed by weight.
 */
export function replicaLoad({ load }: Replica, own: number): number {
  if (!load) return own;
  return Math.max(own, load.inFlight + load.queueDepth - load.ownAtReport + own);
}

/** Whether `weight` more requests fit into its slots and queue. A replica that has not said how many it takes has room. */
export function hasRoom(replica: Replica, own: number, weight: number): boolean {
  const { load } = replica;
  if (!load) return true;
  return replicaLoad(replica, own) + weight <= load.maxInFlight + load.maxQueueDepth;
}
