/** All models of this node: on disk, loaded and failed. */
import { CortexError, type LoadModelRequest, type ModelEntry } from '@cortex/protocol';

import type { Harness } from '../harness/harness.ts';
import { refuse } from '../refusal.ts';
import { type ColdModel, ColdModelQueries, type LoadForecast } from './cold-models.ts';
import { toModelEntry } from './model-entry.ts';
import { type LifecycleDeps, ModelLifecycle, type UnloadOptions } from './model-lifecycle.ts';
import { servabilityOf } from './servability.ts';

/** A model that can serve now. */
export interface ServableModel {
  readonly lifecycle: ModelLifecycle;
  readonly harness: Harness;
  readonly slots: number;
  /** Tokens per slot; absent if unknown. */
  readonly contextTokens: number | undefined;
  readonly capabilities: readonly string[];
}

export class Models {
  readonly #deps: LifecycleDeps;
  readonly #cold: ColdModelQueries;
  readonly #lifecycles = new Map<string, ModelLifecycle>();

  constructor(deps: LifecycleDeps) {
    this.#deps = deps;
    this.#cold = new ColdModelQueries(deps);
  }

  /** Every model this node knows, by id. Reads cached state only. */
  entries(nowMs: number): ModelEntry[] {
    const { store } = this.#deps;
    const ids = new Set([
      ...store.files.keys(),
      ...this.#lifecycles.keys(),
      // A finished pull says nothing about files that were removed since.
      ...store.pulls.all
        .filter((pull) => pull.isRunning || pull.error)
        .map((p) => p.request.modelId),
    ]);
    return [...ids].sort().map((id) => {
      const lifecycle = this.#lifecycles.get(id);
      const file = lifecycle?.loaded?.file ?? store.files.get(id);
      const facts = this.#cold.facts(file, lifecycle?.settings?.harness);
      return toModelEntry({ id, lifecycle, file, facts, pull: store.pulls.get(id) }, nowMs);
    });
  }

  /** A model that is on disk, or was loaded or tried; undefined for an unknown id. */
  get(id: string): ModelLifecycle | undefined {
    const lifecycle = this.#lifecycles.get(id);
    if (lifecycle) return lifecycle;
    return this.#deps.store.files.has(id) ? this.#lifecycleOf(id) : undefined;
  }

  /** Scans the models folders again. */
  rescan(): Promise<void> {
    return this.#deps.store.refresh();
  }

  /** Models that hold memory now. */
  loaded(): ModelLifecycle[] {
    return [...this.#lifecycles.values()].filter(({ running }) => running !== undefined);
  }

  /** @see ModelLifecycle.load */
  load(request: LoadModelRequest, wait?: AbortSignal): Promise<'loading' | 'loaded'> {
    return this.#lifecycleOf(request.model_id).load(request, wait);
  }

  /** @throws CortexError `model_not_found` for an unknown id; else as ModelLifecycle.unload */
  async unload(id: string, options: UnloadOptions): Promise<void> {
    const lifecycle = this.get(id);
    if (!lifecycle) throw unknownModel(id);
    await lifecycle.unload(options);
  }

  /**
   * The model if it serves, by the rule of `servable` in `/models`.
   *
   * @throws CortexError a refusal: `model_not_loaded`, or `node_recovering` with the expected wait
   */
  servable(id: string): ServableModel {
    const serving = this.serving(id);
    if (serving !== undefined) return serving;
    const servability = servabilityOf(this.#lifecycles.get(id));
    if (servability.kind === 'recovering') {
      const { reason, retryAfterS } = servability;
      throw refuse(new CortexError('node_recovering', `${id}: ${reason}.`, { retryAfterS }));
    }
    const why = servability.kind === 'absent' ? servability.reason : 'unloaded';
    throw refuse(new CortexError('model_not_loaded', `${id} is not loaded on this node: ${why}.`));
  }

  /** As `servable`; undefined if the model does not serve. */
  serving(id: string): ServableModel | undefined {
    const lifecycle = this.#lifecycles.get(id);
    const servability = servabilityOf(lifecycle);
    const harness = lifecycle?.loaded?.harness;
    if (!lifecycle || !harness || servability.kind !== 'serves') return undefined;
    const { slots, contextTokens, capabilities } = servability.model;
    return { lifecycle, harness, slots, contextTokens, capabilities };
  }

  /** The harness of a loaded model, even if the model takes no requests. */
  loadedOn(id: string): Harness | undefined {
    const lifecycle = this.#lifecycles.get(id);
    return lifecycle?.running?.state === 'loaded' ? lifecycle.loaded?.harness : undefined;
  }

  /** The model on disk; undefined if there is none. @throws CortexError why its file cannot be used */
  cold(id: string): Promise<ColdModel | undefined> {
    return this.#cold.find(id, this.#lifecycles.get(id)?.settings);
  }

  /** @see ColdModelQueries.forecast */
  forecast(request: LoadModelRequest): Promise<LoadForecast> {
    return this.#cold.forecast(request);
  }

  /**
   * The known capabilities of the model; waits for nothing.
   *
   * @throws CortexError `model_not_found`; `model_loading` while its file is inspected, or why it cannot be read
   */
  capabilities(id: string): readonly string[] {
    const lifecycle = this.#lifecycles.get(id);
    if (lifecycle?.running) return lifecycle.running.capabilities;
    const file = this.#deps.store.files.get(id);
    if (file) return this.#cold.capabilities(id, file);
    throw unknownModel(id);
  }

  /** Runs every second: handles given-up engines, expired TTLs and old failures. */
  sweep(nowMs: number): void {
    for (const lifecycle of this.#lifecycles.values()) {
      lifecycle.observe();
      if (lifecycle.isExpired(nowMs)) this.#expire(lifecycle);
      const isOnDisk = this.#deps.store.files.has(lifecycle.id);
      if (!isOnDisk && lifecycle.isForgettable(nowMs)) this.#lifecycles.delete(lifecycle.id);
    }
  }

  #expire(lifecycle: ModelLifecycle): void {
    this.#deps.log.info({ model: lifecycle.id }, 'idle for its TTL: unloading');
    lifecycle
      .unload({ force: false, ifIdle: true, ifGeneration: undefined })
      .catch((error: unknown) => {
        this.#deps.log.debug({ err: error, model: lifecycle.id }, 'used again before the unload');
      });
  }

  #lifecycleOf(id: string): ModelLifecycle {
    let lifecycle = this.#lifecycles.get(id);
    if (!lifecycle) {
      lifecycle = new ModelLifecycle(id, this.#deps);
      this.#lifecycles.set(id, lifecycle);
    }
    return lifecycle;
  }
}

export const unknownModel = (id: string): CortexError =>
  new CortexError('model_not_found', `This node has no model ${id}.`);
