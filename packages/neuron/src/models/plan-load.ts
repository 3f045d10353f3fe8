/** Resolves `auto` settings of a load, and checks that it fits. */
import type { MemoryBudget, MemoryEstimate } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import type { Placement } from '../devices/device.ts';
import type { MemoryNeed } from '../devices/memory-ledger.ts';
import type { LoadEstimate } from '../harness/harness.ts';
import type { LoadSettings } from '../harness/load-settings.ts';

/** The conversation of a coding agent does not fit below this. */
const SMALL_CONTEXT_TOKENS = 32_768;

export interface LoadPlan {
  /** The settings with every `auto` resolved; as requested if there is no estimate. */
  readonly settings: LoadSettings;
  readonly need: MemoryNeed | undefined;
  /** Human-readable: compromises of the plan. */
  readonly warnings: readonly string[];
  /** Whether every layer that may be on a GPU is on one. */
  readonly isWhole: boolean;
  /** Whether the context is as long as asked for, or long enough for a conversation. */
  readonly isRoomy: boolean;
}

/** Why a load does not fit: the device, and the missing memory. */
export interface Shortage {
  /** Index as in `/discovery`, or `cpu`. */
  readonly device: number | 'cpu';
  readonly missingMib: number;
}

/** The memory that `estimate` lacks within `budget`; undefined if it fits. */
export function shortageOf(
  estimate: Pick<MemoryEstimate, 'vramMib' | 'ramMib' | 'fits'>,
  { budget, placement }: { readonly budget: MemoryBudget; readonly placement: Placement },
): Shortage | undefined {
  if (estimate.fits) return undefined;
  const missingVramMib = Math.ceil(estimate.vramMib - (budget.vramMib ?? Infinity));
  if (missingVramMib > 0) {
    return { device: placement.deviceIndexes[0] ?? 0, missingMib: missingVramMib };
  }
  const missingMib = Math.max(1, Math.ceil(estimate.ramMib - (budget.ramMib ?? Infinity)));
  return { device: 'cpu', missingMib };
}

function insufficient(modelId: string, { device, missingMib }: Shortage): CortexError {
  const where = device === 'cpu' ? 'The memory for models on the CPU' : `Device ${device}`;
  return new CortexError(
    'insufficient_vram',
    `${where} lacks ${missingMib} MiB for ${modelId} with these settings.`,
    { extra: { device, missing_mb: missingMib } },
  );
}

/** The next smaller KV type; undefined if there is none. */
const SMALLER_KV = { f16: 'q8_0', q8_0: 'q4_0', q4_0: undefined } as const;

/** A model trained for no more context loses nothing. */
const isRoomyFor = (
  { contextLength }: LoadSettings,
  { contextTokens, roomyContextTokens }: Pick<LoadEstimate, 'contextTokens' | 'roomyContextTokens'>,
): boolean =>
  contextLength !== 'auto' || contextTokens >= Math.min(SMALL_CONTEXT_TOKENS, roomyContextTokens);

function warningsOf(
  settings: LoadSettings,
  { estimate, placement }: { readonly estimate: LoadEstimate; readonly placement: Placement },
): string[] {
  const warnings = placement.warning === undefined ? [] : [placement.warning];
  if (placement.backend === 'cpu') return warnings;
  const { contextTokens, gpuLayers, layers } = estimate;
  if (settings.gpuLayers === 'auto' && gpuLayers < layers) {
    warnings.push(
      `only ${gpuLayers} of ${layers} layers fit on the GPU; the others run on the CPU, which is slow`,
    );
  }
  if (!isRoomyFor(settings, estimate)) {
    const smaller = SMALLER_KV[settings.kvType];
    const advice = smaller === undefined ? '' : `; kv_type = "${smaller}" makes room for more`;
    warnings.push(`the context that fits is only ${contextTokens} tokens per slot${advice}`);
  }
  return warnings;
}

/**
 * The plan from `estimate`. Explicit numbers are not changed.
 *
 * @throws CortexError `insufficient_vram` with `device` and `missing_mb`
 */
export function planLoad(
  modelId: string,
  settings: LoadSettings,
  facts: {
    readonly estimate: LoadEstimate;
    readonly budget: MemoryBudget;
    readonly placement: Placement;
  },
): LoadPlan {
  const { estimate, placement } = facts;
  const shortage = shortageOf(estimate, facts);
  if (shortage) throw insufficient(modelId, shortage);
  const { contextLength, slots, gpuLayers } = settings;
  return {
    settings: {
      ...settings,
      contextLength: contextLength === 'auto' ? estimate.contextTokens : contextLength,
      slots: slots === 'auto' ? estimate.slots : slots,
      gpuLayers:
        gpuLayers === 'auto' && placement.backend !== 'cpu' ? estimate.gpuLayers : gpuLayers,
    },
    need: { vramMib: estimate.vramMib, ramMib: estimate.ramMib },
    isWhole:
      placement.backend === 'cpu' || gpuLayers !== 'auto' || estimate.gpuLayers === estimate.layers,
    isRoomy: isRoomyFor(settings, estimate),
    warnings: warningsOf(settings, facts),
  };
}

/** @throws CortexError `insufficient_vram` with `device` and `missing_mb` if `need` is more than `budget` */
export function checkFits(
  modelId: string,
  need: MemoryNeed,
  place: { readonly budget: MemoryBudget; readonly placement: Placement },
): void {
  const { vramMib = Infinity, ramMib = Infinity } = place.budget;
  const fits = need.vramMib <= vramMib && need.ramMib <= ramMib;
  const shortage = shortageOf({ ...need, fits }, place);
  if (shortage) throw insufficient(modelId, shortage);
}

/**
 * The plan without an estimate: the settings as requested, with the caller's `vram_mb`, else the size of the file.
 *
 * @throws CortexError `insufficient_vram` if that is more than the GPU has
 */
export function planUnknown(
  modelId: string,
  settings: LoadSettings,
  facts: {
    readonly vramMib: number | undefined;
    readonly fileMib: number;
    readonly budget: MemoryBudget;
    readonly placement: Placement;
  },
): LoadPlan {
  const { fileMib, budget, placement } = facts;
  const warnings = placement.warning === undefined ? [] : [placement.warning];
  if (placement.backend === 'cpu')
    return { settings, need: undefined, warnings, isWhole: true, isRoomy: true };
  const vramMib = facts.vramMib ?? fileMib;
  const need = { vramMib, ramMib: 0 };
  checkFits(modelId, need, { budget, placement });
  return { settings, need, warnings, isWhole: true, isRoomy: true };
}
