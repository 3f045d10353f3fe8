/** Information on models that are on disk and not loaded, from their harness. */
import type { MemoryBudget } from '@cortex/engine';
import { CortexError, type LoadModelRequest, toCortexError } from '@cortex/protocol';

import type { ColdFacts, ColdModels, HarnessFiles } from '../harness/harness.ts';
import { toFileRequest, toHarnessFiles, withPredictionLayers } from './harness-files.ts';
import type { LoadDeps } from './load-onto-harness.ts';
import { type LoadSettings, toLoadSettings } from '../harness/load-settings.ts';
import type { ModelFile } from '../store/model-file.ts';
import { type Shortage, shortageOf } from './plan-load.ts';
import {
  choiceOf,
  deviceCounts,
  learnedKey,
  variantsOf,
  withoutSurplus,
  withSurplus,
} from './reserve-memory.ts';

/** A model on disk, and the part of its harness that answers about it. */
export interface ColdModel {
  readonly files: HarnessFiles;
  readonly models: ColdModels;
}

/** The memory that a load needs, and the largest settings that fit. MiB and tokens. */
export interface LoadForecast {
  readonly vramMib: number;
  readonly ramMib: number;
  /** With the smallest and the largest automatic context and slots, whole on its device; undefined: unknown. */
  readonly leastMib: number | undefined;
  readonly mostMib: number | undefined;
  readonly kvMibPer1kTokens: number;
  readonly contextTokens: number;
  readonly slots: number;
  readonly gpuLayers: string;
  readonly contextMax: number;
  readonly slotsMax: number;
  readonly deviceIndexes: readonly number[];
  readonly shortage: Shortage | undefined;
}

type Inspection =
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly error: CortexError; readonly atMs: number };

/** Pause before a file whose inspection failed is inspected again. */
const FORGET_MS = 10_000;

export class ColdModelQueries {
  readonly #deps: LoadDeps;
  /** By fingerprint; results of successful inspections are in the facts. */
  readonly #inspections = new Map<string, Inspection>();

  constructor(deps: LoadDeps) {
    this.#deps = deps;
  }

  /** Known facts about a file; waits for nothing. */
  facts(file: ModelFile | undefined, harness = 'llama'): ColdFacts {
    if (!file) return {};
    return this.#deps.harnesses.find(harness)?.cold?.facts(file.fingerprint) ?? {};
  }

  /**
   * The model as a load with automatic settings would find it; undefined if no file has its name.
   *
   * @param known - Settings of an earlier or running load, which select the file.
   */
  async find(
    id: string,
    known: Pick<LoadSettings, 'source' | 'quant'> | undefined,
  ): Promise<ColdModel | undefined> {
    const request: LoadModelRequest = {
      model_id: id,
      ...(known?.source !== undefined && { source: known.source }),
      ...(known?.quant !== undefined && { quant: known.quant }),
    };
    try {
      return await this.#toCold(request);
    } catch (error) {
      if (known?.source === undefined && !this.#deps.store.knows(id)) return undefined;
      throw error;
    }
  }

  /**
   * Estimates a load under the current conditions, without loading.
   *
   * @throws CortexError errors of the store, the devices or the file; `no_capacity` if it cannot be estimated
   */
  async forecast(request: LoadModelRequest): Promise<LoadForecast> {
    const { files, models } = await this.#toCold(request, 'header');
    const counts = await deviceCounts(this.#deps.devices, files, request.min_devices);
    const variants = variantsOf(counts, files);
    for (const variant of variants) {
      const forecast = await this.#forecastOn(variant.count, { files: variant.files, models });
      const { shortage, isWhole } = forecast;
      if (variant === variants.at(-1) || (shortage === undefined && isWhole)) return forecast.load;
    }
    throw new Error('no number of devices to try');
  }

  /** The forecast for a load on `count` GPUs. */
  async #forecastOn(count: number, { files, models }: ColdModel) {
    const { devices, ledger, learned } = this.#deps;
    const placed = await ledger.freshBudget(choiceOf(devices, files, count));
    const { placement, budget } = placed;
    const surplusMib = learned.surplusMib(learnedKey(files, placement));
    const raw = await models.estimateLimits(
      { ...files, placement },
      withoutSurplus(placed, surplusMib),
    );
    if (!raw) {
      throw new CortexError(
        'no_capacity',
        `The memory that ${files.modelId} needs could not be estimated. Try again.`,
      );
    }
    const estimate = withSurplus(raw, surplusMib, placement);
    const shortage = shortageOf(estimate, { budget, placement });
    const within = async (limit: MemoryBudget): Promise<number | undefined> => {
      const whole = { ...files, settings: wholeSettings(files.settings), placement };
      const extreme = await models.estimateLimits(whole, limit);
      if (!extreme) return undefined;
      const { vramMib, ramMib } = withSurplus(extreme, surplusMib, placement);
      return placement.backend === 'cpu' ? ramMib : vramMib;
    };
    const load: LoadForecast = {
      ...estimate,
      leastMib: await within({ vramMib: 0, ramMib: 0 }),
      mostMib: await within({}),
      gpuLayers: `${estimate.gpuLayers}/${estimate.layers}`,
      deviceIndexes: placement.deviceIndexes,
      shortage,
    };
    const isWhole = placement.backend === 'cpu' || estimate.gpuLayers === estimate.layers;
    return { load, shortage, isWhole };
  }

  /**
   * The known capabilities of a file on disk. If they are unknown, this starts an inspection and does not wait for
   * it; a later call has the answer.
   *
   * @throws CortexError `model_loading` during an inspection, or why the file cannot be read
   */
  capabilities(id: string, file: ModelFile): readonly string[] {
    const { capabilities } = this.facts(file);
    if (capabilities) return capabilities;
    const inspection = this.#inspections.get(file.fingerprint);
    if (inspection?.kind === 'failed') {
      const { error, atMs } = inspection;
      // After a transient failure the next call inspects the file again, after another failure only a later one:
      // the file is the same, but a missing file beside it may have appeared.
      if (error.isRetryable || performance.now() - atMs > FORGET_MS) {
        this.#inspections.delete(file.fingerprint);
      }
      throw error;
    }
    if (!inspection) void this.#inspect(id, file);
    throw new CortexError('model_loading', `${id} is being inspected. Try again.`, {
      retryAfterS: 1,
    });
  }

  async #inspect(id: string, { fingerprint }: ModelFile): Promise<void> {
    this.#inspections.set(fingerprint, { kind: 'running' });
    try {
      const { files, models } = await this.#toCold({ model_id: id });
      const { capabilities } = await models.inspect(files);
      if (capabilities) this.#inspections.delete(fingerprint);
      else this.#inspections.set(fingerprint, failedNow(onlyByLoad(id)));
    } catch (error) {
      this.#inspections.set(fingerprint, failedNow(toCortexError(error)));
    }
  }

  /** @param need - `header`: of a file that is not on this node, the header is fetched from its source. */
  async #toCold(request: LoadModelRequest, need: 'file' | 'header' = 'file'): Promise<ColdModel> {
    const settings = toLoadSettings(request);
    const harness = this.#deps.harnesses.get(settings.harness);
    const { cold: models } = harness;
    if (!models) {
      throw new CortexError(
        'unsupported_parameter',
        `The harness ${settings.harness} gives no information on models that are not loaded.`,
        { param: 'harness' },
      );
    }
    const { store } = this.#deps;
    const asked = toFileRequest(request);
    const file = await (need === 'header' ? store.findHeader(asked) : store.find(asked));
    const files = await toHarnessFiles(store, { id: request.model_id, file, settings });
    const drafts =
      need === 'header' && harness.needs === 'gguf' ? harness.draftsWithMtp : undefined;
    if ((await drafts?.()) !== true) return { files, models };
    return { files: await withPredictionLayers(store, file, files), models };
  }
}

/** A split between GPU and RAM says nothing about what the model needs elsewhere. */
const wholeSettings = (settings: LoadSettings): LoadSettings =>
  settings.gpuLayers === 'auto' ? { ...settings, gpuLayers: 'all' } : settings;

const onlyByLoad = (id: string): CortexError =>
  new CortexError(
    'model_not_loaded',
    `${id} has no chat template, so its capabilities are known only after a load.`,
  );

const failedNow = (error: CortexError): Inspection => ({
  kind: 'failed',
  error,
  atMs: performance.now(),
});
