import { CortexError } from '@cortex/protocol';

import type { EngineLoadSpec, MemoryBudget, MemoryEstimate } from '../../engine.ts';
import type { Library, ModelHeader } from '../binding.ts';
import { memoryLimits, type MemorySettings, planMemory, type PlannedModel } from './plan-memory.ts';

const MIB = 1024 * 1024;

/**
 * What repacking for the vector units of this CPU may add to its weights: AMX took 1.35 times the bytes of the file for
 * Q4_1 and 1.25 for Q8_0, AVX2 less. The library's dry run does not count it.
 */
const CPU_REPACKING = 1.35;

/** Beside what llama.cpp allocates a process on a GPU holds a context of the driver; seen on NVIDIA cards. */
const CUDA_CONTEXT_MIB = 400;

/**
 * What loading `spec` would take, from the header of its file.
 *
 * @throws CortexError `model_load_failed` naming file and cause.
 */
export async function estimateMemory(
  library: Library,
  wanted: { readonly spec: EngineLoadSpec; readonly batchTokens: number },
  budget: MemoryBudget,
): Promise<MemoryEstimate> {
  const { spec } = wanted;
  const header = await readHeader(library, spec.modelPath);
  const model = plannedModel(header, wanted);
  const plan = await planMemory(spec, model, budget);
  const limits = await memoryLimits(plan, model, budget);
  return {
    ...plan.need,
    kvMibPer1kTokens: await kvMibPer1kTokens(header, wanted, plan),
    contextTokens: plan.contextTokens,
    slots: plan.slots,
    gpuLayers: plan.gpuLayers,
    layers: header.layers,
    fits: plan.fits,
    ...limits,
  };
}

async function readHeader(library: Library, path: string): Promise<ModelHeader> {
  try {
    return await library.readHeader(path);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new CortexError('model_load_failed', `Cannot read ${path}: ${said}`, { cause: error });
  }
}

function plannedModel(
  header: ModelHeader,
  { spec, batchTokens }: { readonly spec: EngineLoadSpec; readonly batchTokens: number },
): PlannedModel {
  const seen = new Map<string, { vramMib: number; ramMib: number }>();
  const contextMib = spec.backend === 'cuda' ? CUDA_CONTEXT_MIB : 0;
  const measure = async (
    settings: MemorySettings,
  ): Promise<{ vramMib: number; ramMib: number }> => {
    const { gpuLayers } = settings;
    const weights = await header.weights(gpuLayers);
    const context = await header.context({ ...settings, batchTokens, kvType: spec.kvType });
    return {
      vramMib: toMib(weights.vram + context.vram) + (gpuLayers > 0 ? contextMib : 0),
      ramMib: toMib(weights.ram * (spec.backend === 'cpu' ? CPU_REPACKING : 1) + context.ram),
    };
  };
  return {
    layers: header.layers,
    trainedContextTokens: header.trainedContextTokens ?? 8192,
    measure: async (settings) => {
      const key = Object.values(settings).join('/');
      const need = seen.get(key) ?? (await measure(settings));
      seen.set(key, need);
      return need;
    },
  };
}

/** Measured between two contexts, so that compute buffers, which do not grow with it, stay out. */
async function kvMibPer1kTokens(
  header: ModelHeader,
  { spec, batchTokens }: { readonly spec: EngineLoadSpec; readonly batchTokens: number },
  { gpuLayers }: MemorySettings,
): Promise<number> {
  const at = async (contextTokens: number): Promise<number> => {
    const size = { gpuLayers, contextTokens, slots: 1, batchTokens, kvType: spec.kvType };
    const need = await header.context(size);
    return need.ram + need.vram;
  };
  const bytes = ((await at(8192)) - (await at(4096))) / 4.096;
  return Math.round((bytes / MIB) * 100) / 100;
}

const toMib = (bytes: number): number => Math.ceil(bytes / MIB);
