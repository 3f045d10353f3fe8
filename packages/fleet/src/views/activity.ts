import type { OpenCircuit } from '../decide/circuit-table.ts';
import type { Sleep } from '../decide/sleep.ts';

/** Leases, waiting requests and circuits of this cortex, which are not in the snapshot. */
export interface Activity {
  /** Leases on the node, or on one model of it, summed by weight. */
  inFlight(node: string, model?: string): number;
  waiting(model: string): number;
  /** What requests avoid on the node because it failed others. */
  circuits(node: string): readonly OpenCircuit[];
  /** How the host of a node that can be woken sleeps; undefined: it does not, or cannot be woken. */
  sleep(node: string): Sleep | undefined;
}
