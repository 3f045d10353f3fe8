/** A GPU that is not there: the library's own fit code, loader and context run, with memory figures of our choice. */
import { spyOn } from 'bun:test';
import { getLlama, GgufFileType, GgufInsights, type Llama } from 'node-llama-cpp';

import { Library } from '../src/llama/binding.ts';
import type { MemoryNeed, MemorySettings } from '../src/llama/memory/plan-memory.ts';

const MIB = 1024 * 1024;

export interface SimulatedModel {
  readonly weightsMib: number;
  /** The output layer included. */
  readonly layers: number;
  /** Of all layers together, per token. */
  readonly kvMibPerToken: number;
  readonly computeMib: number;
}

export interface SimulatedCard {
  readonly totalMib: number;
  readonly freeMib: number;
}

const onCard = ({ layers }: SimulatedModel, gpuLayers: number): number => gpuLayers / layers;

/** What the weights take on the card, MiB. */
const weightsMib = (model: SimulatedModel, gpuLayers: number): number =>
  model.weightsMib * onCard(model, gpuLayers);

/** What cells and compute buffers take there, MiB. */
const contextMib = (
  model: SimulatedModel,
  { gpuLayers, contextTokens, slots }: MemorySettings,
): number =>
  gpuLayers === 0
    ? 0
    : model.kvMibPerToken * contextTokens * slots * onCard(model, gpuLayers) + model.computeMib;

/** All that a load takes, as an estimate would say. */
export const needOf = (model: SimulatedModel, settings: MemorySettings): MemoryNeed => ({
  vramMib: Math.ceil(weightsMib(model, settings.gpuLayers) + contextMib(model, settings)),
  ramMib: Math.ceil(model.weightsMib - weightsMib(model, settings.gpuLayers)),
});

/** A load that is planned: which model, with which settings, onto which card. */
export interface SimulatedLoad {
  readonly model: SimulatedModel;
  readonly settings: MemorySettings;
  readonly card: SimulatedCard;
}

/** The library as it would be on a GPU. What it estimates is simulated; what it allocates is in RAM, and little. */
export class SimulatedGpu implements AsyncDisposable {
  readonly library: Library;
  readonly #llama: Llama;
  readonly #restore: () => void;
  #load: SimulatedLoad | undefined;
  #freeMib = 0;

  private constructor(llama: Llama) {
    this.#llama = llama;
    const memory: object = Object.assign(Object.create(Reflect.get(llama, '_vramOrchestrator')), {
      _getMemoryState: () => {
        const totalMib = this.#load?.card.totalMib ?? 0;
        // By default the library keeps 8 % of a GPU for itself, 1.6 GiB at most.
        const keptMib = Math.min(totalMib * 0.08, 1.6 * 1024);
        const freeMib = Math.max(0, this.#freeMib - keptMib);
        return { total: totalMib * MIB, free: freeMib * MIB, unifiedSize: 0 };
      },
    });
    const simulated: Llama = Object.create(llama, {
      gpu: { value: 'cuda' },
      supportsGpuOffloading: { value: true },
      _vramOrchestrator: { value: memory },
    });
    this.library = new Library(simulated, GgufFileType, () => llama.dispose());
    this.#restore = this.#simulateEstimates();
  }

  static async open(): Promise<SimulatedGpu> {
    return new SimulatedGpu(
      await getLlama({ gpu: false, build: 'never', maxThreads: 1, progressLogs: false }),
    );
  }

  /** What comes next is the load of the weights, onto the card as it is. */
  beforeWeights(load: SimulatedLoad): void {
    this.#load = load;
    this.#freeMib = load.card.freeMib;
  }

  /** What comes next is the context, beside the weights. */
  beforeContext(load: SimulatedLoad): void {
    this.beforeWeights(load);
    this.#freeMib -= weightsMib(load.model, load.settings.gpuLayers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#restore();
    await this.#llama.dispose();
  }

  #simulateEstimates(): () => void {
    const need = (mib: (load: SimulatedLoad) => number) => async () => ({
      cpuRam: 0,
      gpuVram: (this.#load ? mib(this.#load) : 0) * MIB,
    });
    const weights = spyOn(
      GgufInsights.prototype,
      'estimateModelResourceRequirementsV2',
    ).mockImplementation(need(({ model, settings }) => weightsMib(model, settings.gpuLayers)));
    const context = spyOn(
      GgufInsights.prototype,
      'estimateContextResourceRequirementsV2',
    ).mockImplementation(need(({ model, settings }) => contextMib(model, settings)));
    return () => {
      weights.mockRestore();
      context.mockRestore();
    };
  }
}
