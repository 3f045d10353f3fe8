/** GGUF models on our own engine: one supervised engine process a model. */
import type { EngineLoadSpec } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import type { LoadSettings } from '../../models/load-settings.ts';
import { refuse } from '../../refusal.ts';
import type { Harness, HarnessLoadSpec } from '../harness.ts';
import { PulseGroup } from './pulse.ts';
import { recoveringRefusal, serveFromEngine } from './serve.ts';
import { SupervisedEngine, type SupervisionOptions } from './supervised-engine.ts';

export interface LlamaHarnessOptions extends SupervisionOptions {
  /** Threads of the CPU kernels, each model. */
  readonly threads: number;
  readonly prefillChunkTokens: number;
  /** Base URL of neuron's own listener. */
  readonly ownUrl: () => string;
}

/** Load settings that belong to other harnesses, by wire name: each is refused, none is ignored. */
const UNSUPPORTED = {
  tensorParallel: 'tensor_parallel',
  draft: 'draft',
  lora: 'lora',
  mmproj: 'mmproj',
  args: 'args',
  upstreamModel: 'upstream_model',
} as const satisfies Partial<Record<keyof LoadSettings, string>>;

function refuseSetting(param: string): never {
  throw new CortexError('unsupported_parameter', `The llama harness cannot do ${param} yet.`, {
    param,
  });
}

function isAsked(value: unknown): boolean {
  if (value === undefined || value === 'off') return false;
  if (Array.isArray(value)) return value.length > 0;
  return true;
}

function checkSettings(settings: LoadSettings): void {
  for (const [name, param] of Object.entries(UNSUPPORTED)) {
    const value = Object.entries(settings).find(([key]) => key === name)?.[1];
    // One GPU in parallel with itself, and "vision as far as there is any", ask for nothing.
    const isNeutral =
      (name === 'tensorParallel' && value === 1) || (name === 'mmproj' && value === 'auto');
    if (isAsked(value) && !isNeutral) refuseSetting(param);
  }
  if (settings.onImage === 'placeholder') refuseSetting('on_image');
}

const forcedOut = (id: string): CortexError =>
  new CortexError('no_capacity', `${id} was unloaded while it answered.`);

const shuttingDown = (): CortexError =>
  new CortexError('shutting_down', 'This node is shutting down.', { retryAfterS: 15 });

/** A harness named `llama`. */
export function createLlamaHarness(options: LlamaHarnessOptions): Harness {
  const engines = new Map<string, SupervisedEngine>();
  const pulses = new PulseGroup(options.every);
  let version: string | undefined;

  const toEngineSpec = ({
    modelId,
    modelPath,
    settings,
    placement,
  }: HarnessLoadSpec): EngineLoadSpec => ({
    modelId,
    modelPath,
    backend: placement.backend,
    contextLength: settings.contextLength,
    slots: settings.slots,
    gpuLayers: placement.backend === 'cpu' ? 0 : settings.gpuLayers,
    kvType: settings.kvType,
    threads: options.threads,
    prefillChunkTokens: options.prefillChunkTokens,
    promptCacheMib: 0,
    params: settings.params,
    vocabOnly: false,
    lora: [],
  });

  return {
    name: 'llama',
    health() {
      version =
        [...engines.values()].find((engine) => engine.version !== undefined)?.version ?? version;
      return { ok: true, ...(version !== undefined && { version }) };
    },
    listModels: () => [...engines.values()].flatMap((engine) => engine.model ?? []),
    inferenceEndpoint: (id) => (engines.has(id) ? options.ownUrl() : undefined),

    async loadModel(spec, progress, signal) {
      checkSettings(spec.settings);
      const { modelId } = spec;
      await engines.get(modelId)?.close(0, forcedOut(modelId));
      const engine = new SupervisedEngine(
        toEngineSpec(spec),
        spec.placement.visibleDevices,
        options,
      );
      engines.set(modelId, engine);
      try {
        await engine.load(progress, signal);
      } catch (error) {
        if (engines.get(modelId) === engine) engines.delete(modelId);
        throw error;
      }
      const { model } = engine;
      if (model) return model;
      throw new CortexError('model_load_failed', `The engine of ${modelId} ended at once.`, {
        transient: true,
      });
    },

    async unloadModel(id) {
      const engine = engines.get(id);
      engines.delete(id);
      await engine?.close(0, forcedOut(id));
    },

    async serve(route, modelId, request, signal) {
      const engine = engines.get(modelId);
      const serving = engine?.serving;
      if (!engine || !serving) {
        request.ended({ kind: 'refused' });
        if (engine?.model?.state === 'recovering') {
          throw recoveringRefusal(modelId, engine.retryAfterS);
        }
        throw refuse(new CortexError('model_not_loaded', `${modelId} is not loaded on this node.`));
      }
      return serveFromEngine({ route, modelId, request, serving, pulses, signal });
    },

    async stop(graceMs) {
      const closing = [...engines.values()].map((engine) => engine.close(graceMs, shuttingDown()));
      engines.clear();
      await Promise.all(closing);
      pulses.close();
    },
  };
}
