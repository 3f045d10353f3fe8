import type { EngineLoadSpec } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import type { Placement } from '../../devices/device.ts';
import type { LoadSettings } from '../load-settings.ts';
import type { HarnessLoadSpec } from '../harness.ts';

/** Settings that all loads of this node share. */
export interface EngineDefaults {
  /** Threads of the CPU kernels, per model. */
  readonly threads: number;
  readonly prefillChunkTokens: number;
  readonly isBatchInvariant: boolean;
  /** RAM for conversations that lost their slot, MiB per model. */
  readonly promptCacheMib: number;
}

/** The load spec for the engine. */
export function toEngineSpec(
  { modelId, modelPath, settings, placement, lora, draft }: HarnessLoadSpec,
  defaults: EngineDefaults,
): EngineLoadSpec {
  return {
    ...defaults,
    modelId,
    modelPath,
    backend: toBackend(placement),
    contextLength: settings.contextLength,
    slots: settings.slots,
    gpuLayers: placement.backend === 'cpu' ? 0 : settings.gpuLayers,
    kvType: settings.kvType,
    params: settings.params,
    vocabOnly: false,
    lora,
    draft,
  };
}

function toBackend({ backend }: Placement): EngineLoadSpec['backend'] {
  if (backend !== 'rocm') return backend;
  throw new CortexError(
    'model_load_failed',
    'The llama engine has no ROCm kernels. It uses AMD GPUs through Vulkan.',
  );
}

/** Load settings of other harnesses, by wire name. Each is refused; none is ignored. */
const UNSUPPORTED = {
  tensorParallel: 'tensor_parallel',
  mmproj: 'mmproj',
  args: 'args',
  upstreamModel: 'upstream_model',
  nCpuMoe: 'n_cpu_moe',
} as const satisfies Partial<Record<keyof LoadSettings, string>>;

function refuseSetting(param: string): never {
  throw new CortexError('unsupported_parameter', `The llama harness does not support ${param}.`, {
    param,
  });
}

function isAsked(value: unknown): boolean {
  if (value === undefined || value === 'off') return false;
  if (Array.isArray(value)) return value.length > 0;
  return true;
}

/** @throws CortexError `unsupported_parameter` naming a setting that this engine does not support */
export function checkSettings(settings: LoadSettings): void {
  for (const [name, param] of Object.entries(UNSUPPORTED)) {
    const value = Object.entries(settings).find(([key]) => key === name)?.[1];
    // These values ask for nothing: one GPU, a projector only if there is one, no experts in RAM.
    const isNeutral =
      (name === 'tensorParallel' && value === 1) ||
      (name === 'mmproj' && value === 'auto') ||
      (name === 'nCpuMoe' && (value === 'auto' || value === 0));
    if (isAsked(value) && !isNeutral) refuseSetting(param);
  }
}
