/** Answers about GGUF files for a server that runs on the same library as our own engine. */
import { stat } from 'node:fs/promises';

import type { MemoryBudget, MemoryEstimate } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import type { ColdModels, HarnessFiles, HarnessLoadSpec } from '../harness.ts';

const MIB = 1 << 20;

/** The load without what our own engine does not support, which takes little memory besides the projector. */
const neutral = <T extends HarnessFiles>(spec: T): T => ({
  ...spec,
  settings: {
    ...spec.settings,
    mmproj: 'off',
    args: undefined,
    upstreamModel: undefined,
    tensorParallel: undefined,
    nCpuMoe: undefined,
  },
});

/** What the server takes besides the model, whatever its context: the projector, and weights to draft with. */
async function besideMib({ mmprojPath, predictionLayers }: HarnessFiles): Promise<number> {
  const projectorBytes = mmprojPath === undefined ? 0 : (await stat(mmprojPath)).size;
  return Math.ceil((projectorBytes + (predictionLayers?.weightBytes ?? 0)) / MIB);
}

/** What drafting takes for a context: the cells of the prediction layers, and copies of recurrent state. */
function draftingMib(
  { predictionLayers }: HarnessFiles,
  { contextTokens, slots }: Pick<MemoryEstimate, 'contextTokens' | 'slots'>,
): number {
  if (!predictionLayers) return 0;
  const { cellBytes, stateBytes } = predictionLayers;
  return Math.ceil((slots * (contextTokens * cellBytes + stateBytes)) / MIB);
}

/** Undefined where our library does not know the file: the server may be newer. */
async function unlessUnknown<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CortexError && error.code === 'model_load_failed') return undefined;
    throw error;
  }
}

/** What is left for the model beside `extraMib`. */
function lessExtra(budget: MemoryBudget, spec: HarnessLoadSpec, extraMib: number): MemoryBudget {
  const { vramMib, ramMib } = budget;
  if (spec.placement.backend === 'cpu') {
    return { ...budget, ...(ramMib !== undefined && { ramMib: Math.max(0, ramMib - extraMib) }) };
  }
  return { ...budget, ...(vramMib !== undefined && { vramMib: Math.max(0, vramMib - extraMib) }) };
}

type Estimate<T> = (spec: HarnessLoadSpec, budget: MemoryBudget) => Promise<T | undefined>;

/** The estimate of the model, and of what the server takes besides. */
async function withExtra<T extends MemoryEstimate>(
  spec: HarnessLoadSpec,
  budget: MemoryBudget,
  estimate: Estimate<T>,
): Promise<T | undefined> {
  const within = (extraMib: number): Promise<T | undefined> =>
    unlessUnknown(estimate(neutral(spec), lessExtra(budget, spec, extraMib)));
  const fixedMib = await besideMib(spec);
  const roomy = await within(fixedMib);
  if (!roomy) return undefined;
  const cellsMib = draftingMib(spec, roomy);
  // A context that is chosen must leave room for the cells that drafting takes for it.
  const estimated = cellsMib === 0 ? roomy : await within(fixedMib + cellsMib);
  if (!estimated) return undefined;
  const extraMib = fixedMib + draftingMib(spec, estimated);
  const cellMibPer1kTokens = ((spec.predictionLayers?.cellBytes ?? 0) * 1000) / MIB;
  const isOnCpu = spec.placement.backend === 'cpu';
  return {
    ...estimated,
    vramMib: estimated.vramMib + (isOnCpu ? 0 : extraMib),
    ramMib: estimated.ramMib + (isOnCpu ? extraMib : 0),
    kvMibPer1kTokens: estimated.kvMibPer1kTokens + cellMibPer1kTokens,
  };
}

export const createColdGguf = (llama: ColdModels): ColdModels => ({
  facts: (fingerprint) => llama.facts(fingerprint),
  estimate: (spec, budget) => withExtra(spec, budget, (model, left) => llama.estimate(model, left)),
  estimateLimits: (spec, budget) =>
    withExtra(spec, budget, (model, left) => llama.estimateLimits(model, left)),
  inspect: async (files) => (await unlessUnknown(llama.inspect(neutral(files)))) ?? {},
  serve: (route, files, body) => llama.serve(route, neutral(files), body),
});
