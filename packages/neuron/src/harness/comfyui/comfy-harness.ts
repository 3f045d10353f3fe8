/** A harness for images on ComfyUI: each workflow file is a model. */
import { CortexError } from '@cortex/protocol';

import { refuse } from '../../refusal.ts';
import { checkExternalSettings } from '../external/check-settings.ts';
import type { Server } from '../external/server.ts';
import { SlotQueue } from '../external/slot-queue.ts';
import { callUpstream } from '../external/upstream.ts';
import { UpstreamWork } from '../external/upstream-work.ts';
import type {
  ForeignHarness,
  ForeignLoadSpec,
  HarnessModel,
  HarnessRequest,
  InferenceRoute,
} from '../harness.ts';
import type { LoadSettings } from '../load-settings.ts';
import { createImages } from './create-images.ts';
import { readImageRequest } from './image-request.ts';
import { readWorkflow, type Workflow } from './workflow.ts';

export interface ComfyHarnessOptions {
  readonly name: string;
  readonly server: Server;
  /** neuron started the server, so it ends it when no model is left on it. */
  readonly isOwn: boolean;
  /** Absolute path of the folder with the workflows. */
  readonly workflows: string;
  /** Base URL of neuron's own listener. */
  readonly ownUrl: () => string;
}

interface ComfyModel {
  readonly workflow: Workflow;
  readonly slotCount: number;
  readonly slots: SlotQueue;
  readonly params: Readonly<Record<string, unknown>>;
  readonly earlier: number;
}

/** ComfyUI runs one workflow after the other. */
const DEFAULT_SLOTS = 1;

export class ComfyHarness implements ForeignHarness {
  readonly name: string;
  readonly kind = 'comfyui';
  readonly needs = 'nothing';
  readonly isPlaced = true;
  readonly #options: ComfyHarnessOptions;
  readonly #models = new Map<string, ComfyModel>();
  readonly #listeners = new Set<(modelId: string) => void>();
  #loads = 0;

  constructor(options: ComfyHarnessOptions) {
    this.name = options.name;
    this.#options = options;
    options.server.onChange(() => {
      for (const id of this.#models.keys()) this.#changed(id);
    });
  }

  readonly checkSettings = (settings: LoadSettings): void => {
    // Its memory is reserved on these devices; ComfyUI chooses them by its own command line.
    checkExternalSettings(
      { ...settings, devices: undefined },
      {
        harness: this.name,
        isShared: true,
        acceptsArgs: false,
        tensorParallel: 1,
        placeholders: new Set(),
      },
    );
    if (settings.contextLength === 'auto' && settings.upstreamModel === undefined) return;
    const param = settings.upstreamModel === undefined ? 'context_length' : 'upstream_model';
    throw new CortexError(
      'unsupported_parameter',
      `The harness ${this.name} does not support ${param}.`,
      { param },
    );
  };

  onChange(listener: (modelId: string) => void): void {
    this.#listeners.add(listener);
  }

  health() {
    const { state } = this.#options.server;
    const reason = 'reason' in state ? state.reason : undefined;
    return { ok: reason === undefined, reason };
  }

  listModels(): readonly HarnessModel[] {
    const { state } = this.#options.server;
    return Array.from(this.#models, ([id, { slotCount: slots, earlier }]) => {
      const fixed = { id, slots, capabilities: ['images'] };
      if (state.kind === 'up') {
        return { ...fixed, state: 'loaded', incarnation: state.incarnation - earlier } as const;
      }
      if (state.kind === 'recovering') {
        const { kind, reason, retryAfterS } = state;
        return { ...fixed, state: kind, incarnation: 1, reason, retryAfterS } as const;
      }
      const reason = state.kind === 'failed' ? state.reason : 'its server was stopped';
      return { ...fixed, state: 'failed', incarnation: 1, reason } as const;
    });
  }

  inferenceEndpoint(id: string): string | undefined {
    return this.#models.has(id) ? this.#options.ownUrl() : undefined;
  }

  async loadModel(
    { modelId, settings }: ForeignLoadSpec,
    progress: (ratio: number) => void,
    signal: AbortSignal,
  ): Promise<HarnessModel> {
    const { server, workflows } = this.#options;
    this.checkSettings(settings);
    this.#loads += 1;
    try {
      const workflow = await readWorkflow(workflows, modelId);
      signal.throwIfAborted();
      await server.ensure(signal);
      signal.throwIfAborted();
      const slotCount = settings.slots === 'auto' ? DEFAULT_SLOTS : settings.slots;
      this.#models.set(modelId, {
        workflow,
        slotCount,
        slots: new SlotQueue(slotCount),
        params: settings.params,
        earlier: server.state.kind === 'up' ? server.state.incarnation - 1 : 0,
      });
      progress(1);
      this.#changed(modelId);
      const model = this.listModels().find(({ id }) => id === modelId);
      if (model) return model;
      throw new CortexError('model_load_failed', `${modelId} was unloaded meanwhile.`);
    } finally {
      this.#loads -= 1;
      await this.#yieldIfUnused();
    }
  }

  async unloadModel(id: string): Promise<void> {
    if (!this.#models.delete(id)) return;
    this.#changed(id);
    await this.#yieldIfUnused();
  }

  async serve(
    route: InferenceRoute,
    modelId: string,
    request: HarnessRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const model = this.#models.get(modelId);
    const { server } = this.#options;
    const { state } = server;
    const refused = (error: CortexError): CortexError => {
      request.ended({ kind: 'refused' });
      return error;
    };
    if (!model || state.kind !== 'up') {
      const isBack = model && state.kind === 'recovering';
      const error = isBack
        ? new CortexError('node_recovering', `${modelId}: ${state.reason}.`, {
            retryAfterS: state.retryAfterS,
          })
        : new CortexError('model_not_loaded', `${modelId} is not loaded on this node.`);
      throw refused(refuse(error));
    }
    if (route !== '/v1/images/generations') {
      throw refused(
        new CortexError('wrong_modality', `${modelId} creates images and does nothing else.`, {
          param: 'model',
        }),
      );
    }
    const { workflow, params, slots } = model;
    let image;
    try {
      const defaults = { ...params, ...request.params };
      image = readImageRequest(request.body, { workflow, defaults });
    } catch (error) {
      request.ended({ kind: 'refused' });
      throw error;
    }
    const { principal, ended } = request;
    const { lost, upstream } = state;
    const loss = (): CortexError => server.loss();
    const work = new UpstreamWork({ slots, principal, weight: 1, signal, lost, loss, ended });
    return createImages({ work, upstream, workflow, image, started: request.started });
  }

  async stop(): Promise<void> {
    this.#models.clear();
    await this.#options.server.stop(
      new CortexError('shutting_down', 'This node is shutting down.', { retryAfterS: 15 }),
    );
  }

  #changed(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }

  /** ComfyUI keeps its models in memory until it is told to free it. */
  async #yieldIfUnused(): Promise<void> {
    const { server, isOwn } = this.#options;
    if (this.#models.size > 0 || this.#loads > 0) return;
    if (isOwn) {
      await server.stop(
        new CortexError('no_capacity', `The last model of the harness ${this.name} was unloaded.`),
      );
    } else if (server.state.kind === 'up') {
      await callUpstream(server.state.upstream, '/free', {
        method: 'POST',
        body: { unload_models: true, free_memory: true },
      });
    }
  }
}
