/** The work of one load: find the files, choose the devices and reserve their memory, have the harness load it. */
import { CortexError, type LoadModelRequest } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Placement } from '../devices/device.ts';
import type { MemoryNeed } from '../devices/memory-ledger.ts';
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
  chooseAgain,
  chooseEngine,
  type EngineChoice,
  enginesFor,
  namedEngine,
  withEngineHint,
} from '../harness/choose-engine.ts';
import type { HarnessRegistry } from '../harness/registry.ts';
import { checkQuant } from './check-quant.ts';
import { toFileRequest, toHarnessFiles, withPredictionLayers } from './harness-files.ts';
import type { LoadSettings } from '../harness/load-settings.ts';
import type { ModelFile } from '../store/model-file.ts';
import type { ModelFiles } from '../store/model-store.ts';
import { explainLoadFailure } from '../store/unfinished-file.ts';
import { type LoadPlan, planUnknown } from './plan-load.ts';
import {
  choiceOf,
  deviceCounts,
  learnedKey,
  reserveMemory,
  type ReservedLoad,
  type ReserveDeps,
} from './reserve-memory.ts';

export interface LoadDeps extends ReserveDeps {
  readonly store: ModelFiles;
  readonly harnesses: HarnessRegistry;
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
  /** Absent if the harness manages its own memory. */
  readonly placement: Placement | undefined;
  /** The memory that it takes, as measured or else as planned. */
  readonly need: MemoryNeed;
  /** Why this harness was chosen; absent if the call named it, or for our own engine. */
  readonly harnessReason?: string | undefined;
  /** Human-readable: compromises of the load. */
  readonly warnings: readonly string[];
}

export interface LoadWork {
  readonly request: LoadModelRequest;
  readonly settings: LoadSettings;
  readonly signal: AbortSignal;
  /** Called when the files are on this node. */
  readonly filesFound: () => void;
  /** Called when devices are chosen and memory is reserved, so the preconditions hold; or when a pull has begun. */
  readonly prepared: () => void;
  readonly progress: LoadProgressListener;
}

/** Whether the engine reported that an allocation failed. */
const ranOutOfMemory = (error: unknown): boolean =>
  error instanceof CortexError && error.details.extra?.['out_of_memory'] === true;

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
  const { vramMib = plan.need?.vramMib ?? 0, ramMib = plan.need?.ramMib ?? 0 } = model;
  const need = { vramMib, ramMib };
  if (placement) ledger.settle(model.id, { ...need, placement }, isLoaded);
  const loaded: Loaded = {
    settings,
    harness,
    file,
    loadedAtMs: performance.now(),
    loadedAt: new Date().toISOString(),
    placement,
    need,
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

/**
 * Loads a file with the chosen engine. The settings name it, because the call did not. A load that runs out of memory
 * is planned once more, with a larger need.
 */
async function loadWith(deps: LoadDeps, choice: EngineChoice, load: FileLoad): Promise<LoadResult> {
  try {
    return await attempt(deps, choice, load);
  } catch (error) {
    if (!ranOutOfMemory(error) || load.work.signal.aborted) throw error;
    const { modelId } = load.files;
    deps.log.warn({ err: error, model: modelId }, 'the load ran out of memory: trying once more');
    deps.ledger.release(modelId);
    return attempt(deps, choice, load);
  }
}

async function attempt(
  deps: LoadDeps,
  { harness, reason, draftsWithMtp, warnings }: EngineChoice,
  { work, file, files: found }: FileLoad,
): Promise<LoadResult> {
  const { request, signal, prepared, progress } = work;
  const settings = { ...work.settings, harness: harness.name };
  harness.checkSettings?.(settings);
  const { vram_mb: vramMib, vram_limit_mb: limitMib, min_devices: minDevices } = request;
  const wanted = draftsWithMtp ? found : { ...found, predictionLayers: undefined };
  const wish = { harness, files: wanted, file, vramMib, limitMib, minDevices };
  const { files, ...reserved } = await reserveMemory(deps, wish);
  const plan = { ...reserved, warnings: [...reserved.warnings, ...warnings] };
  const { placement } = plan;
  for (const text of plan.warnings) deps.log.warn({ model: files.modelId }, text);
  signal.throwIfAborted();
  prepared();
  await harness.cold?.inspect(files);
  signal.throwIfAborted();
  const spec = { ...files, settings: plan.settings, placement };
  const needs = learnedOf(deps, files, plan);
  const model = await harness.loadModel(spec, progress, signal).catch((error: unknown) => {
    if (ranOutOfMemory(error)) needs.ranOut();
    throw error;
  });
  await checkQuant(model, settings, harness);
  needs.measured(model);
  return finish(deps, { harness, model, settings, plan, placement, file, harnessReason: reason });
}

/** Records what the load of `plan` shows about its memory. */
function learnedOf({ learned }: LoadDeps, files: HarnessFiles, { placement, need }: ReservedLoad) {
  const key = learnedKey(files, placement);
  const isOnCpu = placement.backend === 'cpu';
  const plannedMib = (isOnCpu ? need?.ramMib : need?.vramMib) ?? 0;
  return {
    ranOut: () => learned.ranOut(key, plannedMib),
    measured: ({ vramMib, ramMib }: HarnessModel) => {
      const heldMib = isOnCpu ? ramMib : vramMib;
      if (!need || heldMib === undefined) return;
      learned.measured(key, { plannedMib, heldMib });
    },
  };
}

/** The engine of the call, else the one that can do what the load needs. */
async function loadFile(deps: LoadDeps, named: GgufHarness, work: LoadWork): Promise<LoadResult> {
  const { store, harnesses, ledger } = deps;
  const { request, settings } = work;
  const id = request.model_id;
  const isNamed = request.harness !== undefined;
  // For what our own engine cannot do.
  const llamaServer = harnesses.find('llama-server');
  const other = llamaServer?.needs === 'gguf' ? llamaServer : undefined;
  if (isNamed) named.checkSettings?.(settings);
  else checkEngineFor(settings, other);
  // A pull may take hours: the caller of a load that is not awaited gets the answer when it has begun.
  const file = await store.ensure(toFileRequest(request), {
    signal: work.signal,
    onProgress: work.prepared,
  });
  work.filesFound();
  const files = await withPredictionLayers(
    store,
    file,
    await toHarnessFiles(store, { id, file, settings }),
  );
  const engines = isNamed ? undefined : await enginesFor(files, { own: named, other });
  let choice = engines ? chooseEngine(files, engines) : await namedEngine(named, files);
  try {
    for (;;) {
      try {
        return await loadWith(deps, choice, { work, file, files });
      } catch (error) {
        const isOver = work.signal.aborted;
        const next = isOver ? undefined : chooseAgain(error, { tried: choice, files, engines });
        if (!next) throw isNamed ? error : withEngineHint(error);
        ledger.release(id);
        choice = next;
      }
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
  { vram_mb: vramMib, min_devices: minDevices }: LoadModelRequest,
): Promise<ReservedLoad> {
  const [count = 1] = await deviceCounts(deps.devices, { settings }, minDevices);
  return deps.ledger.reserve(
    choiceOf(deps.devices, { modelId, settings }, count),
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
    ? await reserveForeign(deps, wanted, request)
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
