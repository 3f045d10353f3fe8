import { type FleetEvent, type FleetSnapshot, FleetState } from '@cortex/fleet';

import type { ControlLog } from './control.ts';

type Listener = (snapshot: FleetSnapshot) => void;

/**
 * Applies events to the state of the fleet and notifies listeners.
 *
 * `apply` changes the snapshot at once. Listeners get every snapshot in the order of revisions. If a listener
 * applies an event, its snapshot is delivered after all listeners have the previous one.
 */
export class FleetHolder {
  readonly #state = new FleetState();
  readonly #listeners = new Set<Listener>();
  readonly #undelivered: FleetSnapshot[] = [];
  readonly #log: ControlLog;
  #isDelivering = false;

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
    this.#undelivered.push(now);
    this.#deliver();
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      for (
        let next = this.#undelivered.shift();
        next !== undefined;
        next = this.#undelivered.shift()
      ) {
        for (const listener of this.#listeners) listener(next);
      }
    } finally {
      this.#isDelivering = false;
    }
  }

  #logNode(before: FleetSnapshot, now: FleetSnapshot, name: string): void {
    const [old, node] = [before.nodes.get(name), now.nodes.get(name)];
    if (!old || !node || old.state === node.state) return;
    const fields = { node: name, was: old.state, state: node.state, error: node.error };
    if (node.state === 'up') this.#log.info(fields, 'node is up');
    else this.#log.warn(fields, 'node is down');
  }
}
