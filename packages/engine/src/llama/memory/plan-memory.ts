import type { EngineLoadSpec } from '../../engine/load.ts';
import type { MemoryBudget } from '../../engine/memory.ts';

/** MiB. */
export interface MemoryNeed {
  readonly vramMib: number;
  readonly ramMib: number;
}

export interface MemorySettings {
  readonly gpuLayers: number;
  readonly contextTokens: number;
  readonly slots: number;
}

/** Memory of a file with given settings. Called often, so results are cached. */
export type MeasureNeed = (settings: MemorySettings) => Promise<MemoryNeed>;

export interface PlannedModel {
  /** Includes the output layer. */
  readonly layers: number;
  readonly trainedContextTokens: number;
  readonly measure: MeasureNeed;
}

export interface MemoryPlan extends MemorySettings {
  readonly need: MemoryNeed;
  readonly fits: boolean;
}

type Wanted = Pick<EngineLoadSpec, 'backend' | 'gpuLayers' | 'contextLength' | 'slots'>;

/** Context lengths for `auto`, largest first, below the model's maximum. */
const AUTO_CONTEXTS = [131_072, 65_536, 32_768, 16_384, 8192];
const AUTO_SLOTS = 4;

/** Maximum number of slots for `auto`, enough for the few users of a fleet. The library's limit is 256. */
const MAX_SLOTS = 8;

/**
 * Resolves `auto` within `budget`: the whole model on the GPU if it fits with one slot of 8k, else as many layers as
 * do; then the longest context, then the most slots up to 4.
 *
 * Explicit settings are used unchanged. `fits` is whether the result is within the budget.
 */
export async function planMemory(
  wanted: Wanted,
  model: PlannedModel,
  budget: MemoryBudget,
): Promise<MemoryPlan> {
  const fits = fitsIn(model, budget);
  const contexts = contextChoices(wanted, model);
  const smallest = contexts.at(-1) ?? model.trainedContextTokens;
  const gpuLayers = await planLayers(wanted, model, (layers) =>
    fits({ gpuLayers: layers, contextTokens: smallest, slots: oneSlot(wanted) }),
  );
  const contextTokens =
    (await firstThat(contexts, (tokens) =>
      fits({ gpuLayers, contextTokens: tokens, slots: oneSlot(wanted) }),
    )) ?? smallest;
  const slots =
    wanted.slots === 'auto'
      ? await mostSlots(AUTO_SLOTS, (count) => fits({ gpuLayers, contextTokens, slots: count }))
      : wanted.slots;
  const settings = { gpuLayers, contextTokens, slots: Math.max(1, slots) };
  return { ...settings, need: await model.measure(settings), fits: await fits(settings) };
}

/** The maximum of each setting within `budget`, with the others as planned. */
export async function memoryLimits(
  plan: MemorySettings,
  model: PlannedModel,
  budget: MemoryBudget,
): Promise<{ readonly contextMax: number; readonly slotsMax: number }> {
  const fits = fitsIn(model, budget);
  const { gpuLayers, contextTokens } = plan;
  // Contexts are allocated in steps of 256 tokens.
  const steps = Math.ceil(model.trainedContextTokens / 256);
  const most = await largestThat(steps, (count) =>
    fits({ gpuLayers, contextTokens: count * 256, slots: 1 }),
  );
  return {
    contextMax: Math.min(most * 256, model.trainedContextTokens),
    slotsMax: await mostSlots(MAX_SLOTS, (slots) => fits({ gpuLayers, contextTokens, slots })),
  };
}

function fitsIn({ measure }: PlannedModel, budget: MemoryBudget) {
  return async (settings: MemorySettings): Promise<boolean> => {
    if (budget.vramMib === undefined && budget.ramMib === undefined) return true;
    const { vramMib, ramMib } = await measure(settings);
    return vramMib <= (budget.vramMib ?? Infinity) && ramMib <= (budget.ramMib ?? Infinity);
  };
}

function contextChoices(
  { contextLength }: Wanted,
  { trainedContextTokens }: PlannedModel,
): number[] {
  if (contextLength !== 'auto') return [contextLength];
  const below = AUTO_CONTEXTS.filter((tokens) => tokens < trainedContextTokens);
  return [trainedContextTokens, ...below];
}

const oneSlot = ({ slots }: Wanted): number => (slots === 'auto' ? 1 : slots);

async function planLayers(
  { backend, gpuLayers }: Wanted,
  { layers }: PlannedModel,
  fits: (layers: number) => Promise<boolean>,
): Promise<number> {
  if (backend === 'cpu') return 0;
  if (gpuLayers === 'all') return layers;
  if (gpuLayers !== 'auto') return Math.min(gpuLayers, layers);
  return largestThat(layers, fits);
}

async function firstThat(
  values: readonly number[],
  holds: (value: number) => Promise<boolean>,
): Promise<number | undefined> {
  for (const value of values) if (await holds(value)) return value;
  return undefined;
}

const mostSlots = async (
  most: number,
  holds: (slots: number) => Promise<boolean>,
): Promise<number> => {
  const counts = Array.from({ length: most }, (_, index) => most - index);
  return (await firstThat(counts, holds)) ?? 0;
};

/** The largest count up to `most` that fits, 0 if none does. Memory grows with the count. */
async function largestThat(
  most: number,
  holds: (count: number) => Promise<boolean>,
): Promise<number> {
  if (await holds(most)) return most;
  let low = 0;
  let high = most;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}
