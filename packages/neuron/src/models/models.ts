/** All models of this node: on disk, on external servers, loaded and failed. */
import { CortexError, type LoadModelRequest, type ModelEntry } from '@cortex/protocol';

import type { Harness } from '../harness/harness.ts';
import { Listeners } from '../listeners.ts';
import { NO_RESIDENCY } from '../node-state.ts';
import { refuse } from '../refusal.ts';
import { type ColdModel, ColdModelQueries, type LoadForecast } from './cold-models.ts';
import { toModelEntry } from './model-entry.ts';
import { type LifecycleDeps, ModelLifecycle, type UnloadOptions } from './model-lifecycle.ts';
import { OfferedModels } from './offered-models.ts';
import type { ModelStore } from '../store/model-store.ts';
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

interface ModelsDeps extends Omit<LifecycleDeps, 'endAbandonedLoads' | 'complete'> {
  readonly store: ModelStore;
}

export class Models {
  readonly #deps: ModelsDeps;
  readonly #cold: ColdModelQueries;
  readonly #offered: OfferedModels;
  readonly #lifecycles = new Map<string, ModelLifecycle>();
  readonly #changes = new Listeners<[modelId: string]>();
  /** The files of the last scan that was reported. */
  #files: ModelStore['files'] = new Map();
  #isClosed = false;

  constructor(deps: ModelsDeps) {
    this.#deps = deps;
    this.#cold = new ColdModelQueries(deps);
    this.#offered = new OfferedModels({
      harnesses: deps.harnesses.all,
      isFile: (id) => deps.store.files.has(id),
      onChange: (id) => this.#changed(id),
      log: deps.log,
    });
    deps.store.pulls.onChange((id) => this.#changed(id));
    for (const harness of deps.harnesses.all) {
      harness.onChange((id) => {
        if (!this.#isClosed) this.#lifecycles.get(id)?.harnessChanged();
      });
    }
  }

  /**
   * Calls `listener` with the id of a model after every change of what `/models` shows of it, except times.
   */
  onChange(listener: (modelId: string) => void): void {
    this.#changes.add(listener);
  }

  /** Every model this node knows, by id. Reads cached state only. */
  entries(nowMs: number): ModelEntry[] {
    const { store } = this.#deps;
    const ids = new Set([
      ...store.files.keys(),
      ...this.#lifecycles.keys(),
      ...this.#offered.ids,
      ...store.pulls.all.map(({ request }) => request.modelId).filter((id) => this.#isPulled(id)),
    ]);
    return [...ids].sort().map((id) => this.#entry(id, nowMs));
  }

  /** One of `entries`; undefined for an unknown id. */
  entry(id: string, nowMs: number): ModelEntry | undefined {
    const isKnown = this.#lifecycles.has(id) || this.#isThere(id) || this.#isPulled(id);
    return isKnown ? this.#entry(id, nowMs) : undefined;
  }

  /** A model that is on disk or on a server, or was loaded or tried; undefined for an unknown id. */
  get(id: string): ModelLifecycle | undefined {
    const lifecycle = this.#lifecycles.get(id);
    if (lifecycle) return lifecycle;
    return this.#isThere(id) ? this.#lifecycleOf(id) : undefined;
  }

  /** Scans the models folders again, and reports what has changed. */
  async rescan(): Promise<void> {
    await this.#deps.store.refresh();
    this.#filesScanned();
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
  async unload(id: string, options: UnloadOptions, leaves?: AbortSignal): Promise<void> {
    await this.#known(id).unload(options, leaves);
  }

  /** Pins or unpins a model. @throws CortexError `model_not_found` for an unknown id */
  pin(id: string, pinned: boolean): void {
    this.#known(id).pin(pinned);
  }

  /** Call it when an operator has removed the files of a model: its pin and its TTL end with them. */
  filesRemoved(id: string): void {
    this.#deps.state.setResidency(id, NO_RESIDENCY);
  }

  /** @throws CortexError `model_not_found` for an unknown id; else as ModelLifecycle.sleep */
  async sleep(id: string, ifGeneration?: number): Promise<void> {
    await this.#known(id).sleep(ifGeneration);
  }

  /** @throws CortexError `model_not_found` for an unknown id; else as ModelLifecycle.wake */
  async wake(id: string, leaves: AbortSignal): Promise<void> {
    await this.#known(id).wake(leaves);
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
    const entry = this.#lifecycles.get(id)?.loading && this.entry(id, performance.now());
    const loading = entry && {
      state: entry.status,
      progress: entry.progress,
      eta_s: entry.eta_s,
    };
    throw refuse(
      new CortexError('model_not_loaded', `${id} is not loaded on this node: ${why}.`, { loading }),
    );
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
    return this.#cold.forecast(this.#offered.complete(request));
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
    const offer = this.#offered.get(id);
    if (!offer) throw unknownModel(id);
    throw new CortexError(
      'model_not_loaded',
      `${id} is on the server of the harness ${offer.harness}, so its capabilities are known only after a load.`,
    );
  }

  /** Runs every second: handles new files, expired TTLs and old failures. */
  sweep(nowMs: number): void {
    this.#filesScanned();
    this.#deps.store.pulls.sweep();
    for (const lifecycle of this.#lifecycles.values()) {
      if (lifecycle.isExpired(nowMs)) this.#expire(lifecycle);
      const isOnDisk = this.#deps.store.files.has(lifecycle.id);
      if (isOnDisk || !lifecycle.isForgettable(nowMs)) continue;
      this.#lifecycles.delete(lifecycle.id);
      this.#changed(lifecycle.id);
    }
  }

  /** Call it before the harnesses stop: the end of their engines is then no failure. */
  close(): void {
    this.#isClosed = true;
  }

  #entry(id: string, nowMs: number): ModelEntry {
    const lifecycle = this.#lifecycles.get(id);
    const file = lifecycle?.loaded?.file ?? this.#deps.store.files.get(id);
    const offer = this.#offered.get(id);
    const facts = offer ?? this.#cold.facts(file, lifecycle?.settings?.harness);
    const residency = this.#deps.state.residency(id);
    const pull = this.#deps.store.pulls.get(id);
    return toModelEntry({ id, lifecycle, file, offer, facts, pull, residency }, nowMs);
  }

  /** Whether a file or a server has the model. */
  #isThere(id: string): boolean {
    return this.#deps.store.files.has(id) || this.#offered.get(id) !== undefined;
  }

  /** A finished pull says nothing about files that were removed since. */
  #isPulled(id: string): boolean {
    const pull = this.#deps.store.pulls.get(id);
    return pull !== undefined && (pull.isRunning || pull.error !== undefined);
  }

  #known(id: string): ModelLifecycle {
    const lifecycle = this.get(id);
    if (!lifecycle) throw unknownModel(id);
    return lifecycle;
  }

  #changed(id: string): void {
    this.#changes.call(id);
  }

  /** Any load may have scanned the folders, so this compares with what was reported last. */
  #filesScanned(): void {
    const [before, { files }] = [this.#files, this.#deps.store];
    if (before === files) return;
    this.#files = files;
    for (const lifecycle of this.#lifecycles.values()) lifecycle.filesScanned();
    this.#offered.filesScanned();
    for (const id of new Set([...before.keys(), ...files.keys()])) {
      if (before.get(id)?.fingerprint !== files.get(id)?.fingerprint) this.#changed(id);
    }
  }

  async #endAbandonedLoads(exceptId: string): Promise<boolean> {
    const abandoned = [...this.#lifecycles.values()].filter(
      ({ id, loading }) => id !== exceptId && loading?.isAbandoned === true,
    );
    const options = { force: true, ifIdle: false, ifGeneration: undefined };
    await Promise.all(abandoned.map((lifecycle) => lifecycle.unload(options)));
    return abandoned.length > 0;
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
      const endAbandonedLoads = (exceptId: string): Promise<boolean> =>
        this.#endAbandonedLoads(exceptId);
      const complete = (request: LoadModelRequest) => this.#offered.complete(request);
      const deps = { ...this.#deps, endAbandonedLoads, complete };
      lifecycle = new ModelLifecycle(id, deps, () => this.#changed(id));
      this.#lifecycles.set(id, lifecycle);
    }
    return lifecycle;
  }
}

export const unknownModel = (id: string): CortexError =>
  new CortexError('model_not_found', `This node has no model ${id}.`);
