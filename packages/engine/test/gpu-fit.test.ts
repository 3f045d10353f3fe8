import { afterAll, beforeAll, expect, test } from 'bun:test';

import type { Model } from '../src/llama/binding.ts';
import { planMemory } from '../src/llama/memory/plan-memory.ts';
import { TINY_MODEL } from './llama-under-test.ts';
import {
  needOf,
  type SimulatedCard,
  SimulatedGpu,
  type SimulatedLoad,
  type SimulatedModel,
} from './simulated-card.ts';

const GIB = 1024;
/** As `devices.reserve_mb`. */
const RESERVE_MIB = 512;

/** Cards that people have, and what their desktop leaves free. */
const CARDS: readonly SimulatedCard[] = [8, 12, 16, 24, 48, 80].flatMap((gib) =>
  [0, 0.7].map((usedGib) => ({ totalMib: gib * GIB, freeMib: (gib - usedGib) * GIB })),
);

/** From 1 to 70 billion parameters at about 4.8 bits. */
const MODELS: readonly SimulatedModel[] = [1, 3, 4, 7, 8, 12, 14, 24, 27, 32, 70].map(
  (billions) => ({
    weightsMib: billions * 0.6 * GIB,
    layers: Math.min(81, 17 + 2 * billions),
    kvMibPerToken: 0.05 + billions * 0.005,
    computeMib: 300,
  }),
);

const AUTO = { gpuLayers: 'auto', contextLength: 'auto', slots: 'auto' } as const;

/** What neuron would plan; undefined where not one layer fits. */
async function plan(model: SimulatedModel, card: SimulatedCard): Promise<SimulatedLoad[]> {
  const settings = await planMemory(
    { backend: 'cuda', ...AUTO },
    {
      layers: model.layers,
      trainedContextTokens: 131_072,
      measure: async (asked) => needOf(model, asked),
    },
    { vramMib: card.freeMib - RESERVE_MIB, ramMib: 256 * GIB },
  );
  return settings.fits && settings.gpuLayers > 0 ? [{ model, settings, card }] : [];
}

const never = () => new AbortController().signal;
const loadOptions = {
  path: TINY_MODEL,
  loadMode: 'read',
  signal: never(),
  onProgress: () => undefined,
} as const;
const SMALL = {
  slots: 1,
  contextTokens: 256,
  batchTokens: 32,
  threads: 1,
  kvType: 'f16',
  isBatchInvariant: false,
} as const;

let gpu: SimulatedGpu;
let loads: readonly SimulatedLoad[];
let whole: Model;
beforeAll(async () => {
  gpu = await SimulatedGpu.open();
  const plans = MODELS.flatMap((model) => CARDS.map((card) => plan(model, card)));
  loads = (await Promise.all(plans)).flat();
  whole = await gpu.library.loadModel({ ...loadOptions, gpuLayers: 0, vocabOnly: false });
});
afterAll(async () => {
  await whole.disposeWeights();
  await gpu[Symbol.asyncDispose]();
});

const describeLoad = ({ model, settings, card }: SimulatedLoad): string =>
  `${model.weightsMib} MiB on ${card.freeMib} of ${card.totalMib} MiB: ${JSON.stringify(settings)}`;

/** The loads that `act` refuses, for people to read. */
async function refused(act: (load: SimulatedLoad) => Promise<void>): Promise<string[]> {
  const problems: string[] = [];
  for (const load of loads) {
    await act(load).catch((error: unknown) => {
      problems.push(`${describeLoad(load)}: ${error instanceof Error ? error.message : 'failed'}`);
    });
  }
  return problems;
}

test('the library loads the weights of every model that the memory plan puts on a GPU', async () => {
  expect(loads.length).toBeGreaterThan(100);

  const problems = await refused(async (load) => {
    gpu.beforeWeights(load);
    const { gpuLayers } = load.settings;
    const model = await gpu.library.loadModel({ ...loadOptions, gpuLayers, vocabOnly: true });
    await model.disposeWeights();
  });

  expect(problems).toEqual([]);
});

test('the library creates every context that the memory plan puts on a GPU', async () => {
  const problems = await refused(async (load) => {
    gpu.beforeContext(load);
    const context = await whole.createContext(SMALL);
    await context.dispose();
  });

  expect(problems).toEqual([]);
});
