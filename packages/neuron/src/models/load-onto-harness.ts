/** The work of one load: find the files, choose the devices and reserve their memory, have the harness load it. */
import { CortexError, type LoadModelRequest } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Placement } from '../devices/device.ts';
import { type DeviceMonitor, mayUseGpu } from '../devices/device-monitor.ts';
import type { LoadChoice, MemoryLedger } from '../devices/memory-ledger.ts';
import type {
  Harness,
  HarnessFiles,
  HarnessModel,
  LoadProgressListener,
} from '../harness/harness.ts';
import type { HarnessRegistry } from '../harness/registry.ts';
import { toFileRequest, toHarnessFiles } from './harness-files.ts';
import type { LoadSettings } from '../harness/load-settings.ts';
import type { ModelFile } from '../store/model-file.ts';
import type { ModelStore } from '../store/model-store.ts';
import { explainLoadFailure } from '../store/unfinished-file.ts';
import { type LoadPlan, planLoad, planUnknown } from './plan-load.ts';

const MIB = 1 << 20;

export interface LoadDeps {
  readonly store: ModelStore;
  readonly devices: Pick<DeviceMonitor, 'place' | 'ready'>;
  readonly harnesses: HarnessRegistry;
  readonly ledger: MemoryLedger;
  readonly log: Logger;
}

/** A loaded model: its settings and placement. */
export interface Loaded {
  /** As requested; `auto` for absent fields. */
  readonly settings: LoadSettings;
  readonly harness: Harness;
  readonly file: ModelFile;
  /** Monotonic. */
  readonly loadedAtMs: number;
  /** ISO 8601. */
  readonly loadedAt: string;
  readonly deviceIndexes: readonly number[];
  /** Human-readable: compromises of the load. */
  readonly warnings: readonly string[];
}

export interface LoadWork {
  readonly request: LoadModelRequest;
  readonly settings: LoadSettings;
  readonly signal: AbortSignal;
  /** Called when devices are chosen and memory is reserved, so the preconditions hold. */
  readonly prepared: () => void;
  readonly progress: LoadProgressListener;
}

/** The quantisation in the file name may be missing or wrong. */
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

/** The device choice for a load with these settings; waits until the usable devices are known. */
export async function choiceOf(
  { devices }: Pick<LoadDeps, 'devices'>,
  { modelId, settings }: Pick<HarnessFiles, 'modelId' | 'settings'>,
): Promise<LoadChoice> {
  const isGpuAllowed = mayUseGpu(settings);
  // A load for the CPU does not wait for a GPU.
  if (isGpuAllowed) await devices.ready();
  return {
    modelId,
    mayUseGpu: isGpuAllowed,
    place: (roomMib) => devices.place(settings, roomMib),
  };
}

interface PlannedLoad {
  readonly harness: Harness;
  readonly files: HarnessFiles;
  readonly file: ModelFile;
  /** The memory according to the caller; used if there is no estimate. */
  readonly vramMib: number | undefined;
}

/**
 * Chooses devices, resolves `auto`, reserves memory. @throws CortexError `insufficient_vram`, or the problem of the
 * file
 */
async function reserve(
  deps: LoadDeps,
  { harness, files, file, vramMib }: PlannedLoad,
): Promise<LoadPlan & { readonly placement: Placement }> {
  const { modelId, settings } = files;
  const fileMib = Math.ceil(file.sizeBytes / MIB);
  return deps.ledger.reserve(await choiceOf(deps, files), async ({ placement, budget }) => {
    const estimate = await harness.cold?.estimate({ ...files, placement }, budget);
    if (estimate) return planLoad(modelId, settings, { estimate, budget, placement });
    return planUnknown(modelId, settings, { vramMib, fileMib, budget, placement });
  });
}

/**
 * Loads a model.
 *
 * @throws CortexError errors of the store, the devices or the harness; the memory is then free again
 */
export async function loadOntoHarness(
  deps: LoadDeps,
  { request, settings, signal, prepared, progress }: LoadWork,
): Promise<{ readonly loaded: Loaded; readonly model: HarnessModel }> {
  const { harnesses, store, ledger, log } = deps;
  const id = request.model_id;
  const harness = harnesses.get(settings.harness);
  const file = await store.find(toFileRequest(request));
  const files = await toHarnessFiles(store, { id, file, settings });
  try {
    const plan = await reserve(deps, { harness, files, file, vramMib: request.vram_mb });
    const { placement } = plan;
    for (const warning of plan.warnings) log.warn({ model: id }, warning);
    signal.throwIfAborted();
    prepared();
    await harness.cold?.inspect(files);
    signal.throwIfAborted();
    const spec = { ...files, settings: plan.settings, placement };
    const model = await harness.loadModel(spec, progress, signal);
    await checkQuant(model, settings, harness);
    const isLoaded = (): boolean =>
      harness.listModels().some((held) => held.id === id && held.state === 'loaded');
    ledger.settle(id, { ...model, placement }, isLoaded);
    const loaded: Loaded = {
      settings,
      harness,
      file,
      loadedAtMs: performance.now(),
      loadedAt: new Date().toISOString(),
      deviceIndexes: placement.deviceIndexes,
      warnings: plan.warnings,
    };
    return { loaded, model };
  } catch (error) {
    ledger.release(id);
    throw await explainLoadFailure(error, file, () =>
      store.find(toFileRequest(request)).catch(() => undefined),
    );
  }
}
