import {
  type Action,
  decide,
  type DecideEvent,
  DecideState,
  type FleetSnapshot,
} from '@cortex/fleet';
import type { Clock } from '@cortex/service';

import type { ControlLog } from './control.ts';

type Listener = (snapshot: FleetSnapshot) => void;

interface LoopDeps {
  readonly clock: Clock;
  readonly log: ControlLog;
  /** Performs an action. What becomes of it is told as an event. Must not throw. */
  readonly perform: (action: Action) => void;
}

/**
 * The one queue of events: each is decided, its actions are performed, and then the listeners get the snapshot.
 *
 * Events never re-enter. What is told meanwhile, by an action or a listener, is handled after it, in order, so that all
 * listeners get all snapshots in the order of their revisions.
 */
export class FleetLoop {
  readonly state = new DecideState(crypto.randomUUID());
  readonly #deps: LoopDeps;
  readonly #events: DecideEvent[] = [];
  readonly #listeners = new Set<Listener>();
  #isRunning = false;

  constructor(deps: LoopDeps) {
    this.#deps = deps;
  }

  get snapshot(): FleetSnapshot {
    return this.state.snapshot;
  }

  tell(event: DecideEvent): void {
    this.#events.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) this.#handle(next);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Calls `listener` after every change of the snapshot; returns a function that unsubscribes. It must not throw. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #handle(event: DecideEvent): void {
    const before = this.snapshot;
    for (const action of decide(this.state, event, this.#deps.clock.nowMs())) {
      this.#deps.perform(action);
    }
    const now = this.snapshot;
    if (now === before) return;
    if (event.kind === 'node_reported' || event.kind === 'node_missed') {
      this.#logNode(before, now, event.node);
    }
    for (const listener of this.#listeners) listener(now);
  }

  #logNode(before: FleetSnapshot, now: FleetSnapshot, name: string): void {
    const [old, node] = [before.nodes.get(name), now.nodes.get(name)];
    if (!old || !node || old.state === node.state) return;
    const fields = { node: name, was: old.state, state: node.state, error: node.error };
    if (node.state === 'up') this.#deps.log.info(fields, 'node is up');
    else this.#deps.log.warn(fields, 'node is down');
  }
}
