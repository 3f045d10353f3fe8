/** Chooses the devices of a load and reserves its memory: on one GPU where one is enough, else on several. */
import { CortexError } from '@cortex/protocol';

import type { Placement } from '../devices/device.ts';
import { type DeviceMonitor, mayUseGpu } from '../devices/device-monitor.ts';
import type { LoadChoice, MemoryLedger, PlacedBudget } from '../devices/memory-ledger.ts';
import type { GgufHarness, HarnessFiles } from '../harness/harness.ts';
import type { LearnedKey, LearnedNeeds } from './learned-needs.ts';
import type { ModelFile } from '../store/model-file.ts';
import { type LoadPlan, planLoad, planUnknown } from './plan-load.ts';

const MIB = 1 << 20;

export interface ReserveDeps {
  readonly devices: Pick<DeviceMonitor, 'place' | 'ready' | 'mostDevices'>;
  readonly ledger: MemoryLedger;
  readonly learned: Pick<LearnedNeeds, 'surplusMib' | 'ranOut' | 'measured'>;
}

export interface PlannedLoad {
  readonly harness: GgufHarness;
  readonly files: HarnessFiles;
  readonly file: ModelFile;
  /** The memory according to the caller; used if there is no estimate. */
  readonly vramMib: number | undefined;
  /** MiB within which automatic context and slots are chosen, if the model serves within it. */
  readonly limitMib: number | undefined;
  /** The fewest GPUs to split the model over. Default: 1. */
  readonly minDevices: number | undefined;
}

export type ReservedLoad = LoadPlan & { readonly placement: Placement };

export interface ReservedFiles extends ReservedLoad {
  /** Those of the load, without the draft beside the model if that has no room. */
  readonly files: HarnessFiles;
}

/** What is known about the memory of a load with this placement. */
export const learnedKey = (
  { fingerprint, settings, draft }: Pick<HarnessFiles, 'fingerprint' | 'settings' | 'draft'>,
  { backend }: Placement,
): LearnedKey => ({
  fingerprint,
  settings: draft?.kind === 'model' ? { ...settings, draft: draft.modelPath } : settings,
  backend,
});

/** The device choice for a load with these settings on `deviceCount` GPUs. */
export const choiceOf = (
  devices: Pick<DeviceMonitor, 'place'>,
  { modelId, settings }: Pick<HarnessFiles, 'modelId' | 'settings'>,
  deviceCount: number,
): LoadChoice => ({
  modelId,
  mayUseGpu: mayUseGpu(settings),
  place: (roomOf) => devices.place({ ...settings, deviceCount }, roomOf),
});

/**
 * Numbers of GPUs to try for a load, the fewest first: a model that fits one is not split. Waits until the usable
 * devices are known.
 */
export async function deviceCounts(
  devices: Pick<DeviceMonitor, 'ready' | 'mostDevices'>,
  { settings }: Pick<HarnessFiles, 'settings'>,
  minDevices: number = 1,
): Promise<readonly number[]> {
  // A load for the CPU does not wait for a GPU.
  if (!mayUseGpu(settings)) return [1];
  await devices.ready();
  const fewest = settings.devices ? 1 : Math.max(minDevices, settings.tensorParallel ?? 1);
  const most = Math.max(fewest, devices.mostDevices(settings));
  return Array.from({ length: most - fewest + 1 }, (_, at) => fewest + at);
}

/** The budget less what the model is known to need beyond its estimate. */
export function withoutSurplus(
  { budget }: PlacedBudget,
  surplusMib: number,
): PlacedBudget['budget'] {
  const { vramMib, ramMib } = budget;
  if (vramMib !== undefined) return { ...budget, vramMib: Math.max(0, vramMib - surplusMib) };
  return { ...budget, ramMib: ramMib === undefined ? undefined : Math.max(0, ramMib - surplusMib) };
}

/** The budget with at most `limitMib` on the devices of the load. */
function limitedTo(
  { vramMib, ramMib }: PlacedBudget['budget'],
  limitMib: number,
): PlacedBudget['budget'] {
  if (vramMib !== undefined) return { vramMib: Math.min(vramMib, limitMib), ramMib };
  return { vramMib, ramMib: Math.min(ramMib ?? Infinity, limitMib) };
}

/** The estimate with what the model is known to need beyond it. */
export const withSurplus = <T extends { readonly vramMib: number; readonly ramMib: number }>(
  estimate: T,
  surplusMib: number,
  { backend }: Placement,
): T =>
  backend === 'cpu'
    ? { ...estimate, ramMib: estimate.ramMib + surplusMib }
    : { ...estimate, vramMib: estimate.vramMib + surplusMib };

/** A way to place a load. */
interface Variant<F> {
  /** Number of GPUs. */
  readonly count: number;
  readonly files: F;
  /** The draft that lies beside the model is loaded too. The call has not asked for it. */
  readonly hasOwnDraft: boolean;
}

/**
 * The ways to place a load, the best first: on the fewest GPUs, with the draft beside the model if it takes no room
 * from the model.
 */
export function variantsOf<F extends Pick<HarnessFiles, 'settings' | 'draft'>>(
  counts: readonly number[],
  files: F,
): readonly Variant<F>[] {
  const { draft = 'auto' } = files.settings;
  const hasOwnDraft = draft === 'auto' && files.draft !== undefined;
  const bare = hasOwnDraft ? { ...files, draft: undefined } : files;
  return counts.flatMap((count) => [
    ...(hasOwnDraft ? [{ count, files, hasOwnDraft }] : []),
    { count, files: bare, hasOwnDraft: false },
  ]);
}

const NO_ROOM_FOR_DRAFT =
  'the draft model beside it is not used, because the model needs the memory';

/** Another variant may hold more of the model. */
class NotWhole extends Error {}

const isShort = (error: unknown): boolean =>
  error instanceof NotWhole || (error instanceof CortexError && error.code === 'insufficient_vram');

/**
 * Chooses devices, resolves `auto`, reserves memory.
 *
 * @throws CortexError `insufficient_vram`, or the problem of the file
 */
export async function reserveMemory(deps: ReserveDeps, load: PlannedLoad): Promise<ReservedFiles> {
  const { devices, ledger } = deps;
  const counts = await deviceCounts(devices, load.files, load.minDevices);
  const variants = variantsOf(counts, load.files);
  for (const variant of variants) {
    const { count, files, hasOwnDraft } = variant;
    const isLast = variant === variants.at(-1);
    try {
      const reserved = await ledger.reserve(choiceOf(devices, files, count), async (placed) => {
        const plan = await planWithin(deps, { ...load, files }, placed);
        const isEnough = plan.isWhole && (plan.isRoomy || !hasOwnDraft);
        if (!isLast && !isEnough) throw new NotWhole();
        return plan;
      });
      const isLeftOut = load.files.draft !== undefined && files.draft === undefined;
      const warnings = isLeftOut ? [...reserved.warnings, NO_ROOM_FOR_DRAFT] : reserved.warnings;
      return { ...reserved, files, warnings };
    } catch (error) {
      if (isLast || !isShort(error)) throw error;
    }
  }
  throw new Error('no number of devices to try');
}

async function planWithin(
  { learned }: ReserveDeps,
  { harness, files, file, vramMib, limitMib }: PlannedLoad,
  placed: PlacedBudget,
): Promise<LoadPlan> {
  const { modelId, settings } = files;
  const { placement, budget } = placed;
  const surplusMib = learned.surplusMib(learnedKey(files, placement));
  const estimate = (within: PlacedBudget['budget']) =>
    harness.cold?.estimate(
      { ...files, placement },
      withoutSurplus({ placement, budget: within }, surplusMib),
    );
  const limited = limitMib === undefined ? undefined : await estimate(limitedTo(budget, limitMib));
  const raw = limited?.fits === true ? limited : await estimate(budget);
  if (raw) {
    const needed = withSurplus(raw, surplusMib, placement);
    return planLoad(modelId, settings, { estimate: needed, budget, placement });
  }
  const fileMib = Math.ceil(file.sizeBytes / MIB) + surplusMib;
  return planUnknown(modelId, settings, { vramMib, fileMib, budget, placement });
}
