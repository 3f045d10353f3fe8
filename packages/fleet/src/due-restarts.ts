import type { ModelEntry, NodeHealth } from '@cortex/protocol';

/** A model that answered less than this ago may get the next turn of a conversation. */
const MIN_IDLE_MS = 30_000;
/** States of a model that is not about to change. */
const SETTLED: ReadonlySet<string> = new Set(['loaded', 'sleeping', 'failed', 'unloaded']);

/** What a node reported, and what this cortex has on it. */
export interface HarnessReport {
  readonly node: string;
  readonly health: NodeHealth;
  readonly models: readonly ModelEntry[];
  /** `eviction.defrag_after_cycles`; 0: never. */
  readonly maxCycles: number;
  /** Requests of this cortex for a model: running on the node, or waiting for any node. */
  readonly requests: (model: string) => number;
}

/** Whether no model of the harness is used, was used a moment ago, or is about to change. */
function isIdle(harness: string, { models, health, requests }: HarnessReport): boolean {
  const held = models.filter((model) => model.harness === harness);
  return held.every(({ id, status, idle_ms: idleMs = 0 }) => {
    const load = health.models.find((entry) => entry.id === id);
    const isUsed = (load?.in_flight ?? 0) + (load?.queue_depth ?? 0) > 0;
    const isQuiet = SETTLED.has(status) && (status !== 'loaded' || idleMs >= MIN_IDLE_MS);
    return isQuiet && !isUsed && requests(id) === 0;
  });
}

/**
 * Which external engines are to be restarted, because they have loaded and unloaded models often inside one process,
 * which leaves their memory in pieces (contracts, section 4).
 */
export class DueRestarts {
  /** Cycles at which each harness was named last, by node: only those that the node still has. */
  readonly #named = new Map<string, ReadonlyMap<string, number>>();

  /** The harnesses of the node that are due and idle. Each is named once, and again after as many cycles more. */
  of(report: HarnessReport): readonly string[] {
    const { node, health, maxCycles } = report;
    const before = this.#named.get(node);
    const named = new Map<string, number>();
    const due: string[] = [];
    for (const { name, lifecycle_cycles: cycles = 0 } of health.harnesses) {
      const last = before?.get(name) ?? 0;
      // It counts from 0 again after a restart.
      const from = cycles < last ? 0 : last;
      const isDue = maxCycles > 0 && cycles - from >= maxCycles && isIdle(name, report);
      if (isDue) due.push(name);
      named.set(name, isDue ? cycles : from);
    }
    this.#named.set(node, named);
    return due;
  }
}
