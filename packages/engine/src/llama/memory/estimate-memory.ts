import { stat } from 'node:fs/promises';

import { CortexError } from '@cortex/protocol';

import type { EngineLoadSpec } from '../../engine/load.ts';
import type { MemoryBudget, MemoryEstimate } from '../../engine/memory.ts';
import type { FileUse, Library, Memory, ModelHeader } from '../binding.ts';
import { type ModelPurpose, purposeOf } from '../embedding/model-purpose.ts';
import { pooledSize } from '../embedding/pooled-size.ts';

import { driverContextMib } from './process-memory.ts';
import { sizeProblem } from './size-problem.ts';
import {
  memoryLimits,
  type MemoryNeed,
  type MemorySettings,
  planMemory,
  type PlannedModel,
} from './plan-memory.ts';

const MIB = 1024 * 1024;

/**
 * Factor for weights that are repacked for the CPU's vector units: AMX took 1.35 times the bytes of the file for Q4_1
 * and 1.25 for Q8_0, AVX2 less. The library's dry run does not count it.
 */
const CPU_REPACKING = 1.35;

/**
 * The memory that a load of `spec` needs, from the header of its file.
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
  if (purposeOfFile(header.use, spec.modelPath) === 'generation') {
    const problem = sizeProblem(spec, header.trainedContextTokens);
    if (problem !== undefined) throw unreadable(spec.modelPath, problem);
  }
  const cells = cellsOf(header, wanted);
  const draft =
    spec.draft?.kind === 'model' ? await readHeader(library, spec.draft.modelPath) : undefined;
  const gpus = (await library.deviceNames()).length;
  const parts = { header, cells, draft, loraBytes: await loraBytes(spec), gpus };
  const model = plannedModel(parts, wanted);
  const plan = await planMemory(spec, model, budget);
  const limits = await memoryLimits(plan, model, budget);
  return {
    ...plan.need,
    kvMibPer1kTokens: await kvMibPer1kTokens(cells, plan),
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
    throw unreadable(path, error);
  }
}

/** Adapters take the size of their files in addition to the weights. */
async function loraBytes({ lora }: EngineLoadSpec): Promise<number> {
  const sizes = await Promise.all(lora.map(async ({ path }) => (await stat(path)).size));
  return sizes.reduce((total, size) => total + size, 0);
}

/** The memory of a context with given settings. */
type MeasureCells = (settings: MemorySettings) => Promise<Memory>;

/** A model that embeds or ranks serves all its requests with one sequence, and may need a batch as wide as its context. */
function cellsOf(header: ModelHeader, { spec, batchTokens }: Wanted): MeasureCells {
  const { kvType, isBatchInvariant, modelPath } = spec;
  const { use } = header;
  if (purposeOfFile(use, modelPath) === 'generation')
    return (settings) => header.context({ ...settings, batchTokens, kvType, isBatchInvariant });
  return ({ gpuLayers, contextTokens }) => {
    const size = pooledSize(use, { contextTokens, batchTokens });
    const kept = { kvType, isBatchInvariant };
    return header.context({ ...size, ...kept, gpuLayers, slots: 1, isPooled: true });
  };
}

function purposeOfFile(use: FileUse, path: string): ModelPurpose {
  try {
    return purposeOf(use);
  } catch (error) {
    throw unreadable(path, error);
  }
}

const unreadable = (path: string, error: unknown): CortexError => {
  const said = error instanceof Error ? error.message : String(error);
  return new CortexError('model_load_failed', `Cannot load ${path}: ${said}`, { cause: error });
};

interface LoadParts {
  readonly header: ModelHeader;
  readonly cells: MeasureCells;
  /** The draft model, completely on the device. */
  readonly draft: ModelHeader | undefined;
  readonly loraBytes: number;
  /** Number of GPUs that the process uses, each with a driver context. */
  readonly gpus: number;
}

type Wanted = Parameters<typeof estimateMemory>[1];

function plannedModel(parts: LoadParts, { spec, batchTokens }: Wanted): PlannedModel {
  const { header, draft } = parts;
  const isCpu = spec.backend === 'cpu';
  const { kvType, isBatchInvariant } = spec;
  const seen = new Map<string, MemoryNeed>();
  const measure = async (settings: MemorySettings): Promise<MemoryNeed> => {
    const { gpuLayers, slots } = settings;
    const draftLayers = isCpu ? 0 : (draft?.layers ?? 0);
    const contextTokens = Math.min(settings.contextTokens, draft?.trainedContextTokens ?? Infinity);
    const weights = [await header.weights(gpuLayers), await draft?.weights(draftLayers)];
    const cells = [
      await parts.cells(settings),
      await draft?.context({
        gpuLayers: draftLayers,
        slots,
        contextTokens,
        batchTokens,
        kvType,
        isBatchInvariant,
      }),
    ];
    const sum = (of: 'ram' | 'vram', list: readonly (Memory | undefined)[]): number =>
      list.reduce((total, part) => total + (part?.[of] ?? 0), 0);
    const weightsRam = sum('ram', weights) + (isCpu ? parts.loraBytes : 0);
    const weightsVram = sum('vram', weights) + (isCpu ? 0 : parts.loraBytes);
    const deviceMib = driverContextMib(spec.backend, { gpuLayers, gpus: parts.gpus });
    return {
      vramMib: toMib(weightsVram + sum('vram', cells)) + deviceMib,
      ramMib: toMib(weightsRam * (isCpu ? CPU_REPACKING : 1) + sum('ram', cells)),
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

/** Measured between two contexts, which leaves only what grows: the cells, and the mask of the attention. */
async function kvMibPer1kTokens(
  cells: MeasureCells,
  { gpuLayers }: MemorySettings,
): Promise<number> {
  const at = async (contextTokens: number): Promise<number> => {
    const need = await cells({ gpuLayers, contextTokens, slots: 1 });
    return need.ram + need.vram;
  };
  const bytes = ((await at(8192)) - (await at(4096))) / 4.096;
  return Math.round((bytes / MIB) * 100) / 100;
}

const toMib = (bytes: number): number => Math.ceil(bytes / MIB);
