import type { Replica } from './snapshot.ts';

/**
 * Estimated number of requests on a replica now: the own leases, or the report of the node with the own leases of
 * that time replaced by the current ones (behaviour 39a).
 *
 * @param own - Own leases on the replica now, summed by weight.
 */
export function replicaLoad({ load }: Replica, own: number): number {
  if (!load) return own;
  return Math.max(own, load.inFlight + load.queueDepth - load.ownAtReport + own);
}

/** Whether `weight` more requests fit into its slots and queue. A replica that has not reported its size has room. */
export function hasRoom(replica: Replica, own: number, weight: number): boolean {
  const { load } = replica;
  if (!load) return true;
  return replicaLoad(replica, own) + weight <= load.maxInFlight + load.maxQueueDepth;
}
