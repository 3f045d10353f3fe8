/** NVIDIA cards that are not there: a driver's figures, and scripted engines that take memory of the cards they see. */
import { inProcessEngine, type MemoryEstimate } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import {
  createScriptedEngine,
  type ScriptedEngine,
  type ScriptedEngineOptions,
} from '@cortex/testkit';

import type { GpuSources } from '../src/devices/gpu-sources.ts';
import type { StartEngine } from '../src/engines/start-engine.ts';

/** Layers of every model, the output layer included. */
const LAYERS = 10;

interface Card {
  readonly uuid: string;
  readonly totalMib: number;
  /** Of programs that are not neuron's. */
  foreignMib: number;
  engineMib: number;
}

export interface SimulatedModel {
  /** What it takes when all its layers are on GPUs, MiB. */
  readonly needMib: number;
  /** What the estimate says. Default: the truth. */
  readonly estimateMib?: number | undefined;
}

const outOfMemory = (): CortexError =>
  new CortexError('model_load_failed', 'the GPU has too little free memory for it', {
    transient: true,
    extra: { out_of_memory: true },
  });

export class SimulatedGpus {
  readonly #cards: readonly Card[];
  readonly #models: Readonly<Record<string, SimulatedModel>>;
  readonly #engine: ScriptedEngineOptions;
  /** The devices that each load saw, in the order of the loads. */
  readonly loads: { readonly modelId: string; readonly uuids: readonly string[] }[] = [];

  /** @param totalsMib - Of each card. Their UUIDs are `GPU-0`, `GPU-1`, … */
  constructor(
    totalsMib: readonly number[],
    models: Readonly<Record<string, SimulatedModel>>,
    engine: ScriptedEngineOptions = {},
  ) {
    this.#models = models;
    this.#engine = engine;
    this.#cards = totalsMib.map((totalMib, index) => ({
      uuid: `GPU-${index}`,
      totalMib,
      foreignMib: 0,
      engineMib: 0,
    }));
  }

  /** Another program takes memory of a card, or gives it back. */
  setForeign(index: number, mib: number): void {
    const card = this.#cards[index];
    if (card) card.foreignMib = mib;
  }

  get gpuSources(): GpuSources {
    return {
      runNvidiaSmi: async () => ({
        code: 0,
        stdout: this.#cards.map((card, index) => this.#row(card, index)).join('\n'),
        stderr: '',
      }),
      readKernelModule: async () => '',
      listPciVendors: async () => ['nvidia'],
    };
  }

  readonly startEngine: StartEngine = async ({ env = {} }) => {
    const cards = this.#visible(env);
    const engine = createScriptedEngine(this.#engine);
    const load = engine.load.bind(engine);
    let free = (): void => undefined;
    engine.load = async (spec, ...rest) => {
      const layers = typeof spec.gpuLayers === 'number' ? spec.gpuLayers : LAYERS;
      const vramMib = (this.#of(spec.modelId).needMib * layers) / LAYERS;
      this.loads.push({ modelId: spec.modelId, uuids: cards.map(({ uuid }) => uuid) });
      free = take(cards, vramMib);
      return { ...(await load(spec, ...rest)), memory: { ramMib: 1, vramMib } };
    };
    const connection = await inProcessEngine(engine);
    void connection.ended.then(() => free());
    return { connection, kill: () => void connection.close(0) };
  };

  readonly startProbe: StartEngine = async () => {
    const engine = createScriptedEngine();
    engine.devices = async () => [{ name: 'Card', backend: 'cuda' }];
    this.#estimateWith(engine);
    const connection = await inProcessEngine(engine);
    return { connection, kill: () => void connection.close(0) };
  };

  #estimateWith(engine: ScriptedEngine): void {
    const estimate = engine.estimate.bind(engine);
    engine.estimate = async (spec, budget): Promise<MemoryEstimate> => {
      const base = await estimate(spec, budget);
      if (spec.backend === 'cpu') return base;
      const { needMib, estimateMib = needMib } = this.#of(spec.modelId);
      const room = budget.vramMib ?? Infinity;
      const most = Math.min(LAYERS, Math.floor((room * LAYERS) / estimateMib));
      const gpuLayers = spec.gpuLayers === 'auto' ? most : LAYERS;
      const vramMib = (estimateMib * gpuLayers) / LAYERS;
      return { ...base, vramMib, gpuLayers, layers: LAYERS, fits: vramMib <= room };
    };
  }

  #of(modelId: string): SimulatedModel {
    return this.#models[modelId] ?? { needMib: 1000 };
  }

  #visible(env: Readonly<Record<string, string>>): Card[] {
    const uuids = (env['CUDA_VISIBLE_DEVICES'] ?? '').split(',');
    return this.#cards.filter(({ uuid }) => uuids.includes(uuid));
  }

  #row(card: Card, index: number): string {
    const usedMib = Math.round(card.foreignMib + card.engineMib);
    const freeMib = card.totalMib - usedMib;
    return `${index}, ${card.uuid}, ${card.totalMib}, ${usedMib}, ${freeMib}, 0, 40, 20, 550.90.07, 8.9, Card`;
  }
}

const freeOf = ({ totalMib, foreignMib, engineMib }: Card): number =>
  totalMib - foreignMib - engineMib;

/** Splits a model by free memory, as the library does. Returns what gives the memory back. */
function take(cards: readonly Card[], vramMib: number): () => void {
  const freeMib = cards.reduce((sum, card) => sum + freeOf(card), 0);
  const parts = cards.map((card) => ({ card, mib: (vramMib * freeOf(card)) / freeMib }));
  if (parts.some(({ card, mib }) => mib > freeOf(card))) throw outOfMemory();
  for (const { card, mib } of parts) card.engineMib += mib;
  return () => {
    for (const { card, mib } of parts) card.engineMib -= mib;
  };
}
