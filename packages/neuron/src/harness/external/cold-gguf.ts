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
    onImage: 'reject',
  },
});

async function projectorMib({ mmprojPath }: HarnessFiles): Promise<number> {
  if (mmprojPath === undefined) return 0;
  return Math.ceil((await stat(mmprojPath)).size / MIB);
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

/** What is left for the model beside the projector. */
function lessProjector(
  budget: MemoryBudget,
  spec: HarnessLoadSpec,
  extraMib: number,
): MemoryBudget {
  const { vramMib, ramMib } = budget;
  if (spec.placement.backend === 'cpu') {
    return { ...budget, ...(ramMib !== undefined && { ramMib: Math.max(0, ramMib - extraMib) }) };
  }
  return { ...budget, ...(vramMib !== undefined && { vramMib: Math.max(0, vramMib - extraMib) }) };
}

export function createColdGguf(llama: ColdModels): ColdModels {
  /** The estimate of the model, and its projector. */
  async function withProjector<T extends MemoryEstimate>(
    spec: HarnessLoadSpec,
    budget: MemoryBudget,
    estimate: (spec: HarnessLoadSpec, budget: MemoryBudget) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const extraMib = await projectorMib(spec);
    const left = lessProjector(budget, spec, extraMib);
    const estimated = await unlessUnknown(estimate(neutral(spec), left));
    if (!estimated) return undefined;
    const isOnCpu = spec.placement.backend === 'cpu';
    const vramMib = estimated.vramMib + (isOnCpu ? 0 : extraMib);
    const ramMib = estimated.ramMib + (isOnCpu ? extraMib : 0);
    return { ...estimated, vramMib, ramMib };
  }
  return {
    facts: (fingerprint) => llama.facts(fingerprint),
    estimate: (spec, budget) =>
      withProjector(spec, budget, (model, left) => llama.estimate(model, left)),
    estimateLimits: (spec, budget) =>
      withProjector(spec, budget, (model, left) => llama.estimateLimits(model, left)),
    inspect: async (files) => (await unlessUnknown(llama.inspect(neutral(files)))) ?? {},
    serve: (route, files, body) => llama.serve(route, neutral(files), body),
  };
}
