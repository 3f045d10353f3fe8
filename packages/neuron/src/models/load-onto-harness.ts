/** The work of one load: find the files, choose the devices, make sure of the room, have the harness load it. */
import type { MemoryBudget } from '@cortex/engine';
import { CortexError, type LoadModelRequest } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { MemoryLedger } from '../devices/memory-ledger.ts';
import type {
  Harness,
  HarnessLoadSpec,
  HarnessModel,
  LoadProgressListener,
} from '../harness/harness.ts';
import type { HarnessRegistry } from '../harness/registry.ts';
import { type SpecDeps, toFileRequest, toHarnessSpec } from './harness-spec.ts';
import type { LoadSettings } from './load-settings.ts';
import type { ModelFile } from './model-file.ts';
import { type LoadPlan, planLoad, planUnknown } from './plan-load.ts';

export interface LoadDeps extends SpecDeps {
  readonly harnesses: HarnessRegistry;
  readonly ledger: MemoryLedger;
  readonly log: Logger;
}

/** A model in memory: how and where it was loaded. */
export interface Loaded {
  /** As asked, `auto` where nothing was written. */
  readonly settings: LoadSettings;
  readonly harness: Harness;
  readonly file: ModelFile;
  /** Monotonic. */
  readonly loadedAtMs: number;
  /** ISO 8601, for people. */
  readonly loadedAt: string;
  readonly deviceIndexes: readonly number[];
  /** For people: what the load had to give up. */
  readonly warnings: readonly string[];
}

export interface LoadWork {
  readonly request: LoadModelRequest;
  readonly settings: LoadSettings;
  readonly signal: AbortSignal;
  /** The file is there: what it looks like now. */
  readonly found: (file: ModelFile) => void;
  /** Devices are chosen and memory is reserved too: what can be refused at once was not. */
  readonly prepared: () => void;
  readonly progress: LoadProgressListener;
}

/** The file's name may have said nothing, or something wrong, about what is in it. */
async function checkQuant(
  model: HarnessModel,
  { quant }: LoadSettings,
  harness: Harness,
): Promise<void> {
  if (quant === undefined || model.quant === undefined) return;
  if (model.quant.toUpperCase() === quant.toUpperCase()) return;
  await harness.unloadModel(model.id);
  throw new CortexError(
    'model_load_failed',
    `The file of ${model.id} is ${model.quant}, not ${quant}.`,
    { param: 'quant' },
  );
}

/** Resolves `auto` and reserves the memory. @throws CortexError `insufficient_vram`, or what is wrong with the file */
function reserve({ ledger }: LoadDeps, { harness, spec, vramMib }: PlannedLoad): Promise<LoadPlan> {
  const { modelId, settings, placement } = spec;
  return ledger.plan(modelId, placement, async (budget: MemoryBudget) => {
    const estimate = await harness.cold?.estimate(spec, budget);
    if (estimate) return planLoad(modelId, settings, { estimate, budget, placement });
    return planUnknown(modelId, settings, { vramMib, budget, placement });
  });
}

interface PlannedLoad {
  readonly harness: Harness;
  readonly spec: HarnessLoadSpec;
  /** What the caller believes it takes; counts where nothing else is known. */
  readonly vramMib: number | undefined;
}

/**
 * Loads a model.
 *
 * @throws CortexError what the store, the devices or the harness said; nothing stays in memory then
 */
export async function loadOntoHarness(
  deps: LoadDeps,
  { request, settings, signal, found, prepared, progress }: LoadWork,
): Promise<{ readonly loaded: Loaded; readonly model: HarnessModel }> {
  const { harnesses, store, ledger, log } = deps;
  const id = request.model_id;
  const harness = harnesses.get(settings.harness);
  const file = await store.find(toFileRequest(request));
  found(file);
  const spec = await toHarnessSpec(deps, { id, file, settings });
  try {
    const plan = await reserve(deps, { harness, spec, vramMib: request.vram_mb });
    for (const warning of plan.warnings) log.warn({ model: id }, warning);
    signal.throwIfAborted();
    prepared();
    await harness.cold?.inspect(spec);
    signal.throwIfAborted();
    const model = await harness.loadModel({ ...spec, settings: plan.settings }, progress, signal);
    await checkQuant(model, settings, harness);
    const { deviceIndexes } = spec.placement;
    const isLoaded = (): boolean =>
      harness.listModels().some((held) => held.id === id && held.state === 'loaded');
    ledger.settle(id, { ...model, deviceIndexes }, isLoaded);
    const loaded: Loaded = {
      settings,
      harness,
      file,
      loadedAtMs: performance.now(),
      loadedAt: new Date().toISOString(),
      deviceIndexes,
      warnings: plan.warnings,
    };
    return { loaded, model };
  } catch (error) {
    ledger.release(id);
    throw error;
  }
}
