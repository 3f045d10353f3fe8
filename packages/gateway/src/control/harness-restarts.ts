import type { ModelEntry, NodeHealth } from '@cortex/protocol';
import { toCortexError } from '@cortex/protocol';

import type { NeuronClient } from '../nodes/neuron-client.ts';
import type { ControlLog } from './control.ts';

/** A model that answered less than this ago may get the next turn of a conversation. */
const MIN_IDLE_MS = 30_000;
/** States of a model that is not about to change. */
const SETTLED: ReadonlySet<string> = new Set(['loaded', 'sleeping', 'failed', 'unloaded']);

interface RestartDeps {
  readonly log: ControlLog;
  /** `eviction.defrag_after_cycles`; 0: never. */
  readonly maxCycles: () => number;
  /** Requests of cortex for a model: running on the node, or waiting for any node. */
  readonly requests: (node: string, model: string) => number;
}

interface NodeReport {
  readonly node: string;
  readonly client: Pick<NeuronClient, 'restartHarness'>;
  readonly health: NodeHealth;
  readonly models: readonly ModelEntry[];
}

/**
 * Has nodes restart external engines that have loaded and unloaded models often inside one process, which leaves their
 * memory in pieces, when no model on them is used (contracts, section 4).
 */
export class HarnessRestarts {
  readonly #deps: RestartDeps;
  /** Cycles at which each harness was asked to restart last, by node and name. */
  readonly #asked = new Map<string, number>();

  constructor(deps: RestartDeps) {
    this.#deps = deps;
  }

  /** Looks at a report of a node, and asks it to restart what is due. */
  observe(report: NodeReport, signal: AbortSignal): void {
    const maxCycles = this.#deps.maxCycles();
    for (const { name, lifecycle_cycles: cycles = 0 } of report.health.harnesses) {
      const key = `${report.node} ${name}`;
      const lastAsked = this.#asked.get(key);
      if (lastAsked !== undefined && cycles < lastAsked) this.#asked.delete(key);
      // A restart that failed is asked for again after as many cycles more.
      const isDue = maxCycles > 0 && cycles - (this.#asked.get(key) ?? 0) >= maxCycles;
      if (!isDue || !this.#isIdle(name, report)) continue;
      this.#asked.set(key, cycles);
      void this.#restart(name, report, signal);
    }
  }

  #isIdle(harness: string, { node, models, health }: NodeReport): boolean {
    const held = models.filter((model) => model.harness === harness);
    return held.every(({ id, status, idle_ms: idleMs = 0 }) => {
      const load = health.models.find((entry) => entry.id === id);
      const isUsed = (load?.in_flight ?? 0) + (load?.queue_depth ?? 0) > 0;
      const isQuiet = SETTLED.has(status) && (status !== 'loaded' || idleMs >= MIN_IDLE_MS);
      return isQuiet && !isUsed && this.#deps.requests(node, id) === 0;
    });
  }

  async #restart(name: string, { node, client }: NodeReport, signal: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    log.info({ node, harness: name }, 'restarting an external engine after many loads');
    try {
      await client.restartHarness(name, signal);
    } catch (error) {
      if (signal.aborted) return;
      const reason = toCortexError(error).message;
      log.warn({ node, harness: name, reason }, 'an external engine could not be restarted');
    }
  }
}
