/** Who holds how much memory of this node, and what is left for a load. */
import type { MemoryBudget } from '@cortex/engine';

import type { Placement } from '../harness/harness.ts';
import type { NvidiaGpu } from './nvidia-smi.ts';

/** MiB. */
export interface MemoryNeed {
  readonly vramMib: number;
  readonly ramMib: number;
}

interface Holding extends MemoryNeed {
  readonly deviceIndexes: readonly number[];
  /** Whether what it holds on a GPU shows in the free memory that the driver reports. */
  readonly showsInDriver: () => boolean;
}

export interface MemoryLedgerOptions {
  /** RAM that models may take together, MiB. */
  readonly cpuMemoryMib: number;
  /** Kept free on each GPU, MiB. */
  readonly reserveMib: number;
  readonly gpus: () => readonly NvidiaGpu[];
  /** Asks the driver again, so that what was loaded or freed a moment ago counts. */
  readonly refreshGpus: () => Promise<void>;
}

/**
 * Memory that loads may take: on a GPU what the driver reports free, less the reserve and what loads under way and
 * models being brought back will take; on the CPU a fixed amount, less what models hold.
 */
export class MemoryLedger {
  readonly #options: MemoryLedgerOptions;
  readonly #holdings = new Map<string, Holding>();
  #plans: Promise<unknown> = Promise.resolve();

  constructor(options: MemoryLedgerOptions) {
    this.#options = options;
  }

  /**
   * Runs one plan at a time on fresh figures, so that two loads do not count on the same memory.
   *
   * @param plan - Decides by the budget; what it gives as `need` is reserved for `modelId` until `release`.
   */
  plan<T extends { readonly need: MemoryNeed | undefined }>(
    modelId: string,
    placement: Placement,
    plan: (budget: MemoryBudget) => Promise<T>,
  ): Promise<T> {
    const planned = this.#plans.then(async () => {
      const result = await plan(await this.freshBudget(modelId, placement));
      if (result.need) {
        const { deviceIndexes } = placement;
        this.#holdings.set(modelId, { ...result.need, deviceIndexes, showsInDriver: () => false });
      }
      return result;
    });
    this.#plans = planned.catch(() => undefined);
    return planned;
  }

  /** The model is in memory: what it really holds replaces what was reserved. */
  settle(
    modelId: string,
    { vramMib, ramMib, deviceIndexes }: MemoryNeed & Pick<Holding, 'deviceIndexes'>,
    showsInDriver: () => boolean,
  ): void {
    this.#holdings.set(modelId, { vramMib, ramMib, deviceIndexes, showsInDriver });
  }

  release(modelId: string): void {
    this.#holdings.delete(modelId);
  }

  /** What a load of `modelId` there may take, as if that model were not loaded yet. */
  async freshBudget(modelId: string, placement: Placement): Promise<MemoryBudget> {
    if (placement.backend !== 'cpu') await this.#options.refreshGpus();
    return this.#budget(modelId, placement);
  }

  #budget(modelId: string, { backend, deviceIndexes }: Placement): MemoryBudget {
    const { cpuMemoryMib } = this.#options;
    const others = [...this.#holdings].filter(([id]) => id !== modelId).map(([, held]) => held);
    const ramMib = Math.max(0, cpuMemoryMib - sum(others.map((held) => held.ramMib)));
    if (backend === 'cpu') return { ramMib };
    const frees = this.#options
      .gpus()
      .filter(({ index }) => deviceIndexes.includes(index))
      .map(({ index, freeMib }) => this.#freeOf({ index, freeMib }, { modelId, others }));
    // A GPU that does not say what is free shares the host's memory.
    const vramMib = frees.some((free) => free === undefined)
      ? ramMib
      : sum(frees.map((free) => Math.max(0, free ?? 0)));
    return { vramMib, ramMib };
  }

  #freeOf(
    { index, freeMib }: { readonly index: number; readonly freeMib: number | undefined },
    { modelId, others }: { readonly modelId: string; readonly others: readonly Holding[] },
  ): number | undefined {
    if (freeMib === undefined) return undefined;
    const promised = others.filter((held) => !held.showsInDriver());
    const own = this.#holdings.get(modelId);
    const ownMib = own?.showsInDriver() === true ? shareOn(own, index) : 0;
    const free = freeMib - this.#options.reserveMib;
    return free + ownMib - sum(promised.map((held) => shareOn(held, index)));
  }
}

/** Models on several GPUs are split by layers: in equal parts, near enough. */
const shareOn = ({ vramMib, deviceIndexes }: Holding, index: number): number =>
  deviceIndexes.includes(index) ? vramMib / deviceIndexes.length : 0;

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
