import { DueRestarts, type HarnessReport } from '@cortex/fleet';
import { toCortexError } from '@cortex/protocol';

import type { NeuronClient } from '../nodes/neuron-client.ts';
import type { ControlLog } from './control.ts';

interface RestartDeps {
  readonly log: ControlLog;
  /** `eviction.defrag_after_cycles`; 0: never. */
  readonly maxCycles: () => number;
  /** Requests of cortex for a model: running on the node, or waiting for any node. */
  readonly requests: (node: string, model: string) => number;
}

interface NodeReport extends Pick<HarnessReport, 'node' | 'health' | 'models'> {
  readonly client: Pick<NeuronClient, 'restartHarness'>;
}

/** Has nodes restart the external engines that are due. A restart that fails is logged. */
export class HarnessRestarts {
  readonly #deps: RestartDeps;
  readonly #due = new DueRestarts();

  constructor(deps: RestartDeps) {
    this.#deps = deps;
  }

  /** Looks at a report of a node, and asks it to restart what is due. */
  observe({ client, ...report }: NodeReport, signal: AbortSignal): void {
    const { node } = report;
    const { requests } = this.#deps;
    const due = this.#due.of({
      ...report,
      maxCycles: this.#deps.maxCycles(),
      requests: (model) => requests(node, model),
    });
    for (const name of due) void this.#restart(name, { node, client }, signal);
  }

  async #restart(
    name: string,
    { node, client }: Pick<NodeReport, 'node' | 'client'>,
    signal: AbortSignal,
  ): Promise<void> {
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
