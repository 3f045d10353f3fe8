import type { Victim } from '@cortex/fleet';

/** `idle`, `starved`: for another model. `replaced`: for its own new settings. */
export type EvictionReason = Victim['why'] | 'replaced';

/** How often cortex had models unloaded or put to sleep, by reason. */
export class EvictionCounts {
  readonly #counts = new Map<EvictionReason, number>([
    ['idle', 0],
    ['starved', 0],
    ['replaced', 0],
  ]);

  get byReason(): ReadonlyMap<EvictionReason, number> {
    return this.#counts;
  }

  add(reason: EvictionReason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }
}
