import { type FleetEvent, type FleetSnapshot, FleetState } from '@cortex/fleet';

import type { ControlLog } from './control.ts';

type Listener = (snapshot: FleetSnapshot) => void;

/** The one place where events change the picture of the fleet, and those who want to know are told. */
export class FleetHolder {
  readonly #state = new FleetState();
  readonly #listeners = new Set<Listener>();
  readonly #log: ControlLog;

  constructor(log: ControlLog) {
    this.#log = log;
  }

  get snapshot(): FleetSnapshot {
    return this.#state.snapshot;
  }

  apply(event: FleetEvent): void {
    const before = this.#state.snapshot;
    if (!this.#state.apply(event)) return;
    const now = this.#state.snapshot;
    if (event.kind !== 'config_changed') this.#logNode(before, now, event.node);
    for (const listener of this.#listeners) listener(now);
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #logNode(before: FleetSnapshot, now: FleetSnapshot, name: string): void {
    const [old, node] = [before.nodes.get(name), now.nodes.get(name)];
    if (!old || !node || old.state === node.state) return;
    const fields = { node: name, was: old.state, state: node.state, error: node.error };
    if (node.state === 'up') this.#log.info(fields, 'node is up');
    else this.#log.warn(fields, 'node is down');
  }
}
