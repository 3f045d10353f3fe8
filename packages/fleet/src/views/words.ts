import type { ConfigMismatch } from '../catalogue-changes.ts';
import type { OpenCircuit } from '../decide/circuit-table.ts';
import type { NodeLack } from '../feasibility.ts';

/** The sentences that views need; whoever shows them makes them. */
export interface Words {
  /** Why no node can ever serve a model. */
  cannotServe(lacks: readonly NodeLack[]): string;
  /** That requests avoid a node, or a model on it, until when and why. */
  avoided(circuit: OpenCircuit): string;
  /** That a model is loaded with other settings than models.toml has, and what becomes of it. */
  outdated(mismatch: ConfigMismatch): string;
}
