/** A harness for images on ComfyUI: each workflow file is a model. */
import { CortexError } from '@cortex/protocol';

import { checkExternalSettings } from '../external/check-settings.ts';
import { type HostedModel, HostedModels } from '../external/hosted-models.ts';
import type { Server } from '../external/server.ts';
import { SlotQueue } from '../external/slot-queue.ts';
import { callUpstream, type Upstream } from '../external/upstream.ts';
import { UpstreamWork } from '../external/upstream-work.ts';
import type {
  ForeignHarness,
  ForeignLoadSpec,
  HarnessHealth,
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

interface ComfyModel extends HostedModel {
  /** Of the request that runs. */
  progress: number | undefined;
  readonly workflow: Workflow;
}

/** ComfyUI runs one workflow after the other. */
const DEFAULT_SLOTS = 1;

/** ComfyUI keeps its models in memory until it is told to free it. */
async function free(upstream: Upstream): Promise<void> {
  await callUpstream(upstream, '/free', {
    method: 'POST',
    body: { unload_models: true, free_memory: true },
  });
}

export class ComfyHarness implements ForeignHarness {
  readonly name: string;
  readonly kind = 'comfyui';
  readonly needs = 'nothing';
  readonly isPlaced = true;
  readonly #options: ComfyHarnessOptions;
  readonly #models: HostedModels<ComfyModel>;

  constructor(options: ComfyHarnessOptions) {
    const { name, isOwn } = options;
    this.name = name;
    this.#options = options;
    this.#models = new HostedModels({ ...options, endsServer: isOwn, free });
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
    const asked = {
      upstream_model: settings.upstreamModel !== undefined,
      context_length: settings.contextLength !== 'auto',
      on_image: settings.onImage === 'placeholder',
    };
    const [param] = Object.entries(asked).find(([, isAsked]) => isAsked) ?? [];
    if (param === undefined) return;
    throw new CortexError(
      'unsupported_parameter',
      `The harness ${this.name} does not support ${param}.`,
      { param },
    );
  };

  onChange(listener: (modelId: string) => void): void {
    this.#models.changes.add(listener);
  }

  health(): HarnessHealth {
    return this.#models.health();
  }

  listModels(): readonly HarnessModel[] {
    return this.#models.list();
  }

  inferenceEndpoint(id: string): string | undefined {
    return this.#models.endpoint(id);
  }

  async loadModel(
    { modelId, settings }: ForeignLoadSpec,
    progress: (ratio: number) => void,
    signal: AbortSignal,
  ): Promise<HarnessModel> {
    const { server, workflows } = this.#options;
    this.checkSettings(settings);
    return this.#models.add(async () => {
      const workflow = await readWorkflow(workflows, modelId);
      await server.ensure(signal);
      progress(1);
      const slotCount = settings.slots === 'auto' ? DEFAULT_SLOTS : settings.slots;
      return {
        id: modelId,
        workflow,
        progress: undefined,
        capabilities: ['images'],
        slotCount,
        slots: new SlotQueue(slotCount),
        params: settings.params,
      };
    }, signal);
  }

  async unloadModel(id: string): Promise<void> {
    await this.#models.remove(id);
  }

  async serve(
    route: InferenceRoute,
    modelId: string,
    request: HarnessRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const { server } = this.#options;
    const { model, state } = this.#models.serving(modelId, request);
    if (route !== '/v1/images/generations') {
      request.ended({ kind: 'refused' });
      throw new CortexError('wrong_modality', `${modelId} creates images and does nothing else.`, {
        param: 'model',
      });
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
    return createImages({
      work,
      upstream,
      workflow,
      image,
      started: request.started,
      progress(ratio) {
        model.progress = ratio;
      },
    });
  }

  async stop(): Promise<void> {
    await this.#models.stop();
  }
}
