import type { CircuitChange } from '@cortex/fleet';

import type { ControlLog } from './control.ts';

/** Logs that requests begin to avoid a replica, and return to it, and counts how often. */
export class CircuitLog {
  readonly #log: ControlLog;
  readonly #opens = new Map<string, number>();

  constructor(log: ControlLog) {
    this.#log = log;
  }

  /** How often requests began to avoid the node, or a model on it. */
  opens(node: string): number {
    return this.#opens.get(node) ?? 0;
  }

  changed(change: CircuitChange): void {
    const { node, model } = change;
    if (change.kind === 'circuit_closed') {
      const avoidedS = Math.round(change.openForMs / 1000);
      this.#log.info({ node, model, avoidedS }, 'requests use the node again');
      return;
    }
    this.#opens.set(node, this.opens(node) + 1);
    const { failures, code, forMs } = change;
    const fields = { node, model, failures, code, forS: forMs / 1000 };
    this.#log.warn(fields, 'requests avoid a node that fails them');
  }

  /** A node that was removed or replaced. */
  forgetNode(node: string): void {
    this.#opens.delete(node);
  }
}
