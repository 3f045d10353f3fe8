/** The work of one load: find the files, choose the devices and reserve their memory, have the harness load it. */
import { CortexError, type LoadModelRequest } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Placement } from '../devices/device.ts';
import { type DeviceMonitor, mayUseGpu } from '../devices/device-monitor.ts';
import type { LoadChoice, MemoryLedger } from '../devices/memory-ledger.ts';
import type {
  ForeignHarness,
  GgufHarness,
  Harness,
  HarnessFiles,
  HarnessLoad,
  HarnessModel,
  LoadProgressListener,
} from '../harness/harness.ts';
import {
  checkEngineFor,
  chooseEngine,
  chooseForUnknown,
  type EngineChoice,
} from '../harness/choose-engine.ts';
import type { HarnessRegistry } from '../harness/registry.ts';
import { toFileRequest, toHarnessFiles } from './harness-files.ts';
import type { LoadSettings } from '../harness/load-settings.ts';
import type { ModelFile } from '../store/model-file.ts';
import type { ModelStore } from '../store/model-store.ts';
import { explainLoadFailure } from '../store/unfinished-file.ts';
import { type LoadPlan, planLoad, planUnknown } from './plan-load.ts';

const MIB = 1 << 20;
/** The harness for what our own engine cannot do. */
const OTHER_ENGINE = 'llama-server';

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
  /** Absent if the harness needs no file of this node. */
  readonly file?: ModelFile | undefined;
  /** Monotonic. */
  readonly loadedAtMs: number;
  /** ISO 8601. */
  readonly loadedAt: string;
  readonly deviceIndexes: readonly number[];
  /** Why this harness was chosen; absent if the call named it, or for our own engine. */
  readonly harnessReason?: string | undefined;
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
  readonly harness: GgufHarness;
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

interface LoadResult {
  readonly loaded: Loaded;
  readonly model: HarnessModel;
}

/** A load that its harness has finished. */
interface FinishedLoad {
  readonly harness: Harness;
  readonly model: HarnessModel;
  readonly settings: LoadSettings;
  readonly plan: Pick<LoadPlan, 'need' | 'warnings'>;
  readonly placement: Placement | undefined;
  readonly file: ModelFile | undefined;
  readonly harnessReason?: string | undefined;
}

/** Replaces the reservation with what the harness measured, else keeps what was planned. */
function finish({ ledger }: LoadDeps, done: FinishedLoad): LoadResult {
  const { harness, model, settings, plan, placement, file, harnessReason } = done;
  const isLoaded = (): boolean =>
    harness.listModels().some((held) => held.id === model.id && held.state === 'loaded');
  if (placement) {
    const { vramMib = plan.need?.vramMib ?? 0, ramMib = plan.need?.ramMib ?? 0 } = model;
    ledger.settle(model.id, { vramMib, ramMib, placement }, isLoaded);
  }
  const loaded: Loaded = {
    settings,
    harness,
    file,
    loadedAtMs: performance.now(),
    loadedAt: new Date().toISOString(),
    deviceIndexes: placement?.deviceIndexes ?? [],
    harnessReason,
    warnings: plan.warnings,
  };
  return { loaded, model };
}

interface FileLoad {
  readonly work: LoadWork;
  readonly file: ModelFile;
  readonly files: HarnessFiles;
}

/** Loads a file with the chosen engine. The settings name it, because the call did not. */
async function loadWith(
  deps: LoadDeps,
  { harness, reason, warning }: EngineChoice,
  { work, file, files }: FileLoad,
): Promise<LoadResult> {
  const { request, signal, prepared, progress } = work;
  const settings = { ...work.settings, harness: harness.name };
  harness.checkSettings?.(settings);
  const reserved = await reserve(deps, { harness, files, file, vramMib: request.vram_mb });
  const plan = { ...reserved, warnings: [...reserved.warnings, ...(warning ? [warning] : [])] };
  const { placement } = plan;
  for (const text of plan.warnings) deps.log.warn({ model: files.modelId }, text);
  signal.throwIfAborted();
  prepared();
  await harness.cold?.inspect(files);
  signal.throwIfAborted();
  const spec = { ...files, settings: plan.settings, placement };
  const model = await harness.loadModel(spec, progress, signal);
  await checkQuant(model, settings, harness);
  return finish(deps, { harness, model, settings, plan, placement, file, harnessReason: reason });
}

/** The engine of the call, else the one that can do what the load needs. */
async function loadFile(deps: LoadDeps, named: GgufHarness, work: LoadWork): Promise<LoadResult> {
  const { store, harnesses, ledger } = deps;
  const { request, settings } = work;
  const id = request.model_id;
  const isNamed = request.harness !== undefined;
  const llamaServer = harnesses.find(OTHER_ENGINE);
  const other = llamaServer?.needs === 'gguf' ? llamaServer : undefined;
  if (isNamed) named.checkSettings?.(settings);
  else checkEngineFor(settings, other);
  const file = await store.find(toFileRequest(request));
  const files = await toHarnessFiles(store, { id, file, settings });
  const load = { work, file, files };
  try {
    const choice = isNamed ? { harness: named } : chooseEngine(files, { own: named, other });
    try {
      return await loadWith(deps, choice, load);
    } catch (error) {
      const second = isNamed ? undefined : chooseForUnknown(error, other);
      if (!second) throw error;
      ledger.release(id);
      return await loadWith(deps, second, load);
    }
  } catch (error) {
    ledger.release(id);
    throw await explainLoadFailure(error, file, () =>
      store.find(toFileRequest(request)).catch(() => undefined),
    );
  }
}

/**
 * The plan for a model that this node knows nothing about.
 *
 * @throws CortexError `invalid_request` on `vram_mb` if it is to run on a GPU and the call does not say how much it
 * takes
 */
async function reserveForeign(
  deps: LoadDeps,
  { modelId, settings }: HarnessLoad,
  vramMib: number | undefined,
): Promise<LoadPlan & { readonly placement: Placement }> {
  return deps.ledger.reserve(
    await choiceOf(deps, { modelId, settings }),
    async ({ placement, budget }) => {
      if (placement.backend !== 'cpu' && vramMib === undefined) {
        throw new CortexError(
          'invalid_request',
          `The harness ${settings.harness} cannot estimate the memory of ${modelId}: set vram_mb.`,
          { param: 'vram_mb' },
        );
      }
      return planUnknown(modelId, settings, { vramMib, fileMib: 0, budget, placement });
    },
  );
}

async function loadForeign(
  deps: LoadDeps,
  harness: ForeignHarness,
  { request, settings, signal, prepared, progress }: LoadWork,
): Promise<LoadResult> {
  const wanted: HarnessLoad = { modelId: request.model_id, settings };
  harness.checkSettings?.(settings);
  const plan = harness.isPlaced
    ? await reserveForeign(deps, wanted, request.vram_mb)
    : { settings, need: undefined, warnings: [], placement: undefined };
  const { placement } = plan;
  for (const warning of plan.warnings) deps.log.warn({ model: wanted.modelId }, warning);
  try {
    signal.throwIfAborted();
    prepared();
    const spec = { ...wanted, settings: plan.settings, placement };
    const model = await harness.loadModel(spec, progress, signal);
    return finish(deps, { harness, model, settings, plan, placement, file: undefined });
  } catch (error) {
    deps.ledger.release(wanted.modelId);
    throw error;
  }
}

/**
 * Loads a model, from what its harness needs.
 *
 * @throws CortexError errors of the store, the devices or the harness; the memory is then free again
 */
export async function loadOntoHarness(deps: LoadDeps, work: LoadWork): Promise<LoadResult> {
  const harness = deps.harnesses.get(work.settings.harness);
  return harness.needs === 'gguf'
    ? loadFile(deps, harness, work)
    : loadForeign(deps, harness, work);
}
