/** Leases and waiting requests of this cortex, which are not in the snapshot. */
export interface Activity {
  /** Leases on the node, or on one model of it, summed by weight. */
  inFlight(node: string, model?: string): number;
  waiting(model: string): number;
}
