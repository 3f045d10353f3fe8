import { CortexError } from '@cortex/protocol';

import type { Harness, HarnessModel } from '../src/harness/harness.ts';
import { Listeners } from '../src/listeners.ts';

/** What a test lets happen to a model in the harness. */
export type HarnessEvent = 'dies' | 'returns' | 'fails' | 'vanishes';

interface PendingLoad {
  readonly resolve: (model: HarnessModel) => void;
  readonly reject: (error: unknown) => void;
}

/** A harness without engines, whose loads end and whose models die when a test says so. */
export class FakeHarness {
  readonly #changes = new Listeners<[modelId: string]>();
  readonly #models = new Map<string, HarnessModel>();
  readonly #loads = new Map<string, PendingLoad>();
  /** Whether loads have to wait for a download. */
  pulls = false;
  #pull: PromiseWithResolvers<void> | undefined;
  /** MiB of RAM that a model keeps while it sleeps. */
  asleepMib = 0;
  /** Models cannot fall asleep while it is set. */
  sleepFailure: CortexError | undefined;

  readonly harness: Harness = {
    name: 'llama',
    kind: 'llama',
    needs: 'gguf',
    onChange: (listener) => this.#changes.add(listener),
    health: () => ({ ok: true }),
    listModels: () => [...this.#models.values()],
    loadModel: ({ modelId }, progress, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<HarnessModel>();
      this.#loads.set(modelId, { resolve, reject });
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      progress(0.5);
      return promise.finally(() => this.#loads.delete(modelId));
    },
    unloadModel: async (id) => {
      this.#models.delete(id);
    },
    sleepModel: async (id) => {
      if (this.sleepFailure) throw this.sleepFailure;
      const model = this.#models.get(id);
      if (model) this.#models.set(id, { ...model, state: 'sleeping', ramMib: this.asleepMib });
    },
    wakeModel: async (id, signal) => {
      signal.throwIfAborted();
      const model = this.#models.get(id);
      if (!model)
        throw new CortexError('model_load_failed', 'its process is gone', { transient: true });
      const awake: HarnessModel = { ...model, state: 'loaded', ramMib: createModel(id).ramMib };
      this.#models.set(id, awake);
      return awake;
    },
    inferenceEndpoint: () => undefined,
    serve: () => Promise.reject(new Error('a fake harness serves nothing')),
  };

  /** Stands for the download of a file: ends by `endPull`, or at once if none is expected. */
  async pull(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.pulls) return;
    const pull = Promise.withResolvers<void>();
    this.#pull = pull;
    signal.addEventListener('abort', () => pull.reject(signal.reason), { once: true });
    try {
      await pull.promise;
    } finally {
      this.#pull = undefined;
    }
  }

  get isPulling(): boolean {
    return this.#pull !== undefined;
  }

  endPull(outcome: 'ok' | 'fails'): void {
    const failure = new CortexError('model_load_failed', 'no network', { transient: true });
    if (outcome === 'ok') this.#pull?.resolve();
    else this.#pull?.reject(failure);
  }

  isLoading(id: string): boolean {
    return this.#loads.has(id);
  }

  /** Ends the load under way, if there is one. */
  endLoad(id: string, outcome: 'ok' | 'structural' | 'transient'): void {
    const load = this.#loads.get(id);
    if (!load) return;
    if (outcome !== 'ok') {
      const transient = outcome === 'transient';
      load.reject(new CortexError('model_load_failed', 'it cannot be loaded', { transient }));
      return;
    }
    const model = createModel(id);
    this.#models.set(id, model);
    load.resolve(model);
  }

  /** Changes the state of a model that the harness holds, and reports it. */
  happen(id: string, event: HarnessEvent): void {
    const model = this.#models.get(id);
    if (!model) return;
    if (event === 'vanishes') this.#models.delete(id);
    if (event === 'fails') this.#models.set(id, { ...model, state: 'failed', reason: 'it died' });
    if (event === 'dies') this.#models.set(id, { ...model, state: 'recovering' });
    if (event === 'returns') {
      this.#models.set(id, { ...model, state: 'loaded', incarnation: model.incarnation + 1 });
    }
    this.#changes.call(id);
  }
}

const createModel = (id: string): HarnessModel => ({
  id,
  state: 'loaded',
  incarnation: 1,
  capabilities: ['text'],
  canSleep: true,
  slots: 1,
  contextTokens: 512,
  backend: 'cpu',
  gpuLayers: '0/1',
  vramMib: 0,
  ramMib: 10,
});
