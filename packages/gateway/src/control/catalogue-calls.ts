import type { Action, DecideEvent, FleetSnapshot } from '@cortex/fleet';
import { toCortexError } from '@cortex/protocol';

import type { NeuronClient } from '../nodes/neuron-client.ts';
import type { ControlLog } from './control.ts';
import type { EvictionCounts } from './eviction-counts.ts';
import { evictVictim } from './evict-victim.ts';
import { toLoadRequest } from './load-request.ts';

interface CatalogueCallsDeps {
  readonly log: ControlLog;
  readonly snapshot: () => FleetSnapshot;
  readonly tell: (event: DecideEvent) => void;
  readonly client: (node: string) => NeuronClient;
  readonly evictions: EvictionCounts;
  /** Polls the node. Never rejects. */
  readonly poll: (node: string) => Promise<void>;
  /** Aborts when cortex ends. */
  readonly signal: AbortSignal;
}

type ActionOf<K extends Action['kind']> = Extract<Action, { readonly kind: K }>;

/** What nodes are told after a change of models.toml about models that are loaded. */
export class CatalogueCalls {
  readonly #deps: CatalogueCallsDeps;

  constructor(deps: CatalogueCallsDeps) {
    this.#deps = deps;
  }

  /** Unloads a model that has other settings, if it is still idle. Never rejects. */
  async replace({ model, node, ifGeneration }: ActionOf<'replace'>): Promise<void> {
    const { log, evictions, signal } = this.#deps;
    const step = { by: 'unload', model, ifGeneration, keepsMib: 0 } as const;
    try {
      if (!(await evictVictim(this.#deps, { node, signal }, step))) return;
      evictions.add('replaced');
      log.info({ model, node }, 'unloaded, because models.toml has new settings');
    } catch (error) {
      log.warn({ model, node, err: error }, 'a model with old settings could not be unloaded');
    }
  }

  /**
   * Tells the node TTL and pin of a loaded model. A load call with the settings that the model has changes nothing else.
   * Never rejects.
   */
  async setResidency({ model, node, residency }: ActionOf<'set_residency'>): Promise<void> {
    const { log, snapshot, client, poll, signal } = this.#deps;
    const { ttl_s: _ttl, pinned: _pinned, ...request } = toLoadRequest(snapshot(), { model, node });
    const { ttlS, pinned } = residency;
    const changes = {
      ...(ttlS !== undefined && { ttl_s: ttlS }),
      ...(pinned !== undefined && { pinned }),
    };
    try {
      await client(node).startLoad({ ...request, ...changes }, signal);
    } catch (error) {
      const { message } = toCortexError(error);
      log.warn({ model, node, reason: message }, 'TTL and pin could not be changed');
    }
    await poll(node);
  }
}
