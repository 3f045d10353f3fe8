/** What the tables outside the snapshot know: leases and waiting requests of this cortex. */
export interface Activity {
  /** Leases on the node, or on one model there, summed by weight. */
  inFlight(node: string, model?: string): number;
  waiting(model: string): number;
}
