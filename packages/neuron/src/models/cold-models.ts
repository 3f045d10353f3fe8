/** What can be said of models that are on disk and not loaded; the harness of each is asked. */
import { CortexError, type LoadModelRequest, toCortexError } from '@cortex/protocol';

import type { ColdFacts, ColdModels, HarnessFiles } from '../harness/harness.ts';
import { toFileRequest, toHarnessFiles } from './harness-files.ts';
import { choiceOf, type LoadDeps } from './load-onto-harness.ts';
import { type LoadSettings, toLoadSettings } from '../harness/load-settings.ts';
import type { ModelFile } from './model-file.ts';
import { type Shortage, shortageOf } from './plan-load.ts';

/** A model on disk, and who can say something of it. */
export interface ColdModel {
  readonly files: HarnessFiles;
  readonly models: ColdModels;
}

/** What a load would take, and how far its settings could go. MiB and tokens. */
export interface LoadForecast {
  readonly vramMib: number;
  readonly ramMib: number;
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

/** How long a file that could not be looked into is not looked into again. */
const FORGET_MS = 10_000;

export class ColdModelDesk {
  readonly #deps: LoadDeps;
  /** By fingerprint; what succeeded is in the facts. */
  readonly #inspections = new Map<string, Inspection>();

  constructor(deps: LoadDeps) {
    this.#deps = deps;
  }

  /** What is known of a file already; waits for nothing. */
  facts(file: ModelFile | undefined, harness = 'llama'): ColdFacts {
    if (!file) return {};
    return this.#deps.harnesses.find(harness)?.cold?.facts(file.fingerprint) ?? {};
  }

  /**
   * The model as a load with automatic settings would find it; undefined where no file has its name.
   *
   * @param known - Settings of an earlier or running load: they say which file is meant.
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
   * What a load would take now, without loading.
   *
   * @throws CortexError what the store, the devices or the file said; `no_capacity` where it cannot be estimated
   */
  async forecast(request: LoadModelRequest): Promise<LoadForecast> {
    const { files, models } = await this.#toCold(request);
    const choice = await choiceOf(this.#deps, files);
    const { placement, budget } = await this.#deps.ledger.freshBudget(choice);
    const estimate = await models.estimateLimits({ ...files, placement }, budget);
    if (!estimate) {
      throw new CortexError(
        'no_capacity',
        `The memory that ${files.modelId} needs could not be estimated. Try again.`,
      );
    }
    return {
      ...estimate,
      gpuLayers: `${estimate.gpuLayers}/${estimate.layers}`,
      deviceIndexes: placement.deviceIndexes,
      shortage: shortageOf(estimate, { budget, placement }),
    };
  }

  /**
   * What a file on disk can do, as far as that is known. Where it is not, somebody is sent to look, and the next call
   * knows; nobody waits.
   *
   * @throws CortexError `model_loading` while somebody looks, or why the file cannot be read
   */
  capabilities(id: string, file: ModelFile): readonly string[] {
    const { capabilities } = this.facts(file);
    if (capabilities) return capabilities;
    const inspection = this.#inspections.get(file.fingerprint);
    if (inspection?.kind === 'failed') {
      const { error, atMs } = inspection;
      // What may have passed is looked at again at the next call, anything else after a while: the file is the
      // same, but
      // what was missing beside it may be there.
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

  async #toCold(request: LoadModelRequest): Promise<ColdModel> {
    const settings = toLoadSettings(request);
    const models = this.#deps.harnesses.get(settings.harness).cold;
    if (!models) {
      throw new CortexError(
        'unsupported_parameter',
        `The harness ${settings.harness} gives no information on models that are not loaded.`,
        { param: 'harness' },
      );
    }
    const file = await this.#deps.store.find(toFileRequest(request));
    const model = { id: request.model_id, file, settings };
    return { files: await toHarnessFiles(this.#deps.store, model), models };
  }
}

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
