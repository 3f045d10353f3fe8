/** GGUF models on our own engine: one supervised engine process per model. */
import { CortexError } from '@cortex/protocol';

import { Listeners } from '../../listeners.ts';
import type { Probe } from '../../probe/probe.ts';
import { refuse } from '../../refusal.ts';
import {
  GENERATE_ROUTES,
  type ColdModels,
  type GgufHarness,
  type HarnessLoadSpec,
  type InferenceRoute,
  TOKENIZER_ROUTES,
  VECTOR_ROUTES,
} from '../harness.ts';
import { loadLimitMs } from '../load-limit.ts';
import { checkAnswerable } from './check-answerable.ts';
import { createColdLlama } from './cold-llama.ts';
import { callEngine } from './engine-calls.ts';
import { checkSettings, type EngineDefaults, toEngineSpec } from './engine-spec.ts';
import { promptCacheMib } from './prompt-cache-size.ts';
import type { PulseGroup } from '../pulse.ts';
import { type LoadMode, type LoadModes, weightBytes } from './load-mode/load-modes.ts';
import { recoveringRefusal, serveFromEngine } from './serve.ts';
import type { SlotStates } from './slot-states.ts';
import { type EngineSupervision, SupervisedEngine } from './supervised-engine.ts';
import { answerTokenizerRoute } from './tokenizer-routes.ts';
import { serveVectors } from './vector-routes.ts';

export interface LlamaHarnessOptions extends EngineSupervision {
  readonly defaults: EngineDefaults;
  readonly probe: Probe;
  readonly states: SlotStates;
  readonly loadModes: Pick<LoadModes, 'modeFor'>;
  /** RAM that is free now, MiB. */
  readonly freeRamMib: () => number;
  readonly pulses: PulseGroup;
  /** Base URL of neuron's own listener. */
  readonly ownUrl: () => string;
}

/** A token usually has 4 bytes, a token of many spaces up to a hundred; JSON escapes add to that. */
const MAX_BYTES_A_TOKEN = 64;

const forcedOut = (id: string): CortexError =>
  new CortexError('no_capacity', `${id} was unloaded by force during the request.`);

const shuttingDown = (): CortexError =>
  new CortexError('shutting_down', 'This node is shutting down.', { retryAfterS: 15 });

const isOneOf = <T extends InferenceRoute>(
  routes: readonly T[],
  route: InferenceRoute,
): route is T => routes.some((known) => known === route);

/** A harness named `llama`. */
export function createLlamaHarness(
  options: LlamaHarnessOptions,
): GgufHarness & { readonly cold: ColdModels } {
  const { probe, states, defaults } = options;
  const engines = new Map<string, SupervisedEngine>();
  const paths = new Map<string, string>();
  const { pulses } = options;
  const changes = new Listeners<[modelId: string]>();
  let version: string | undefined;

  function cacheMibOf({ modelId }: HarnessLoadSpec): number {
    const wantedMib = defaults.promptCacheMib;
    const freeMib = options.freeRamMib();
    const cacheMib = promptCacheMib(wantedMib, freeMib);
    if (cacheMib < wantedMib) {
      options.log.warn(
        { model: modelId, promptCacheMib: cacheMib, wantedMib, freeMib },
        'the prompt cache is smaller than engine.prompt_cache_mb: a quarter of the free RAM',
      );
    }
    return cacheMib;
  }

  /** How the weights of a load are read. */
  async function loadModeOf({ modelPath, placement }: HarnessLoadSpec): Promise<LoadMode> {
    const sizeBytes = await weightBytes(modelPath).catch(() => 0);
    const backend = placement.backend === 'cpu' ? 'cpu' : 'gpu';
    return options.loadModes.modeFor({ path: modelPath, sizeBytes, backend });
  }

  function createEngine(spec: HarnessLoadSpec, loadMode: LoadMode): SupervisedEngine {
    const engineSpec = {
      ...toEngineSpec(spec, { ...defaults, promptCacheMib: cacheMibOf(spec) }),
      loadMode,
      restoreDir: states.restoreDir(spec.modelId),
    };
    return new SupervisedEngine(engineSpec, spec.placement.env, {
      ...options,
      startupTimeoutMs: loadLimitMs(options.startupTimeoutMs, spec.sizeBytes),
      onChange: () => changes.call(spec.modelId),
    });
  }

  /** Stores the facts that a load has shown, for the time when the model is not loaded. */
  async function remember(spec: HarnessLoadSpec, engine: SupervisedEngine): Promise<void> {
    const { model, contextTokens } = engine;
    if (!model || contextTokens === undefined) return;
    const { modelId, modelPath: path, fingerprint } = spec;
    const { capabilities } = model;
    try {
      await probe.learn({ path, fingerprint }, { capabilities: [...capabilities], contextTokens });
    } catch (error) {
      options.log.warn(
        { err: error, model: modelId },
        'the capabilities of a model could not be stored',
      );
    }
  }

  return {
    name: 'llama',
    kind: 'llama',
    needs: 'gguf',
    checkSettings,
    cold: createColdLlama(probe, defaults),
    health() {
      version =
        [...engines.values()].find((engine) => engine.version !== undefined)?.version ?? version;
      return { ok: true, version };
    },
    onChange: (listener) => changes.add(listener),
    listModels: () => [...engines.values()].flatMap((engine) => engine.model ?? []),
    inferenceEndpoint: (id) => (engines.has(id) ? options.ownUrl() : undefined),

    async loadModel(spec, progress, signal) {
      checkSettings(spec.settings);
      const { modelId } = spec;
      await engines.get(modelId)?.close(0, forcedOut(modelId));
      const engine = createEngine(spec, await loadModeOf(spec));
      engines.set(modelId, engine);
      paths.set(modelId, spec.modelPath);
      try {
        await engine.load(progress, signal);
      } catch (error) {
        if (engines.get(modelId) === engine) engines.delete(modelId);
        throw error;
      }
      await remember(spec, engine);
      const { model } = engine;
      if (model) return model;
      throw new CortexError(
        'model_load_failed',
        `The engine of ${modelId} ended right after the load.`,
        {
          transient: true,
        },
      );
    },

    async unloadModel(id) {
      const engine = engines.get(id);
      if (!engine) return;
      engines.delete(id);
      const save = engine.canSave ? states.saveOptions(id) : {};
      await engine.close(0, forcedOut(id), save);
      if (save.saveDir === undefined) return;
      // The model is unloaded even if saving its slots failed.
      await states.saved(id, paths.get(id) ?? '').catch((error: unknown) => {
        options.log.warn(
          { err: error, model: id },
          'the slots of an unloaded model could not be saved',
        );
      });
    },

    maxBodyBytes: (contextTokens) => contextTokens * MAX_BYTES_A_TOKEN,
    async checkAnswerable(route, modelId, body) {
      const engine = engines.get(modelId);
      const contextTokens = engine?.model?.contextTokens;
      if (!engine?.serving || contextTokens === undefined) return;
      await checkAnswerable(route, body, { engine: engine.serving.engine, contextTokens });
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
      const work = { modelId, request, serving, signal };
      if (isOneOf(GENERATE_ROUTES, route)) return serveFromEngine({ ...work, route, pulses });
      if (isOneOf(VECTOR_ROUTES, route)) return serveVectors(route, work);
      if (!isOneOf(TOKENIZER_ROUTES, route)) {
        request.ended({ kind: 'refused' });
        throw new CortexError('wrong_modality', `The llama harness has no route ${route}.`, {
          param: 'model',
        });
      }
      const { value } = await callEngine(work, (asked) =>
        answerTokenizerRoute(route, request.body, {
          engine: asked,
          contextTokens: engine.model?.contextTokens,
        }),
      );
      return value;
    },

    async stop(graceMs) {
      const closing = [...engines.values()].map((engine) => engine.close(graceMs, shuttingDown()));
      engines.clear();
      await Promise.all([...closing, probe.close()]);
    },
  };
}
