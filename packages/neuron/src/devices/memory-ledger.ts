/** Accounts for the memory of this node. Only the ledger decides whether a load fits. */
import type { MemoryBudget } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import type { RoomOf } from './choose-devices.ts';
import { type Device, type Placement, usedMibOf } from './device.ts';
import { ForeignMemory, type Share } from './foreign-memory.ts';

/** MiB. */
export interface MemoryNeed {
  readonly vramMib: number;
  readonly ramMib: number;
}

/** MiB that are kept for one model. */
export interface ReservedMemory {
  readonly ramMib: number;
  /** By GPU index. */
  readonly vramMib: ReadonlyMap<number, number>;
}

/** Memory of one model: reserved during the load, measured afterwards. */
interface Holding extends ReservedMemory {
  /** When the load ended, monotonic; undefined during the load. */
  readonly settledMs: number | undefined;
  /** False while its engine restarts: the memory is free but stays reserved. */
  readonly isInMemory: () => boolean;
}

export interface MemoryLedgerOptions {
  /** RAM that all models together may use, MiB. */
  readonly cpuMemoryMib: number;
  /** Kept free on each GPU, MiB. */
  readonly reserveMib: number;
  /** Part of each GPU that models may fill together with other programs, 0 to 1. Default: all of it. */
  readonly fillRatio?: number | undefined;
  /** The GPUs as they were last read. */
  readonly devices: () => readonly Device[];
  /** Reads the GPUs again, so that recent loads and unloads count. */
  readonly refresh: () => Promise<void>;
  /** Monotonic. */
  readonly nowMs?: (() => number) | undefined;
}

/** How a load is placed. */
export interface LoadChoice {
  readonly modelId: string;
  /** False: the load cannot use a GPU, so the driver is not queried. */
  readonly mayUseGpu: boolean;
  /** Chooses the devices by the free memory of each GPU. */
  readonly place: (roomOf: RoomOf) => Placement;
}

/** A placement and its memory budget. */
export interface PlacedBudget {
  readonly placement: Placement;
  readonly budget: MemoryBudget;
}

/** How often a load is planned again because another load or program took the memory. */
const MAX_PLANS = 8;
/**
 * Part of a split model that a GPU may get beyond its share: the cuts are between layers, of which a model has 20 or
 * more, and the output layer is larger than the others.
 */
const UNEVEN_RATIO = 0.06;

/**
 * The free memory of a GPU is its total, less the reserve, less the memory of other programs, less the memory that
 * models hold or have reserved. The free memory of the CPU is a fixed amount less what models hold.
 *
 * Choosing the devices of a load and reserving its memory is one step without an await, on figures queried after
 * the estimate, so two loads never use the same memory.
 */
export class MemoryLedger {
  readonly #options: MemoryLedgerOptions;
  readonly #holdings = new Map<string, Holding>();
  readonly #foreign = new ForeignMemory(() => this.#nowMs());
  #releases = 0;

  constructor(options: MemoryLedgerOptions) {
    this.#options = options;
  }

  /** Changes whenever a model has released memory. */
  get releases(): number {
    return this.#releases;
  }

  /** RAM that all models together may use, and the part that they hold; MiB. */
  get cpu(): { readonly totalMib: number; readonly usedMib: number } {
    const usedMib = sum([...this.#holdings.values()].map(({ ramMib }) => ramMib));
    return { totalMib: this.#options.cpuMemoryMib, usedMib };
  }

  /**
   * Places a load and reserves its memory until `release`.
   *
   * @param plan - Plans the load within a budget; called again if the placement changes. The `need` that it returns
   * is reserved; undefined reserves nothing.
   * @throws what `place` and `plan` throw
   */
  async reserve<T extends { readonly need: MemoryNeed | undefined }>(
    choice: LoadChoice,
    plan: (place: PlacedBudget) => Promise<T>,
  ): Promise<T & { readonly placement: Placement }> {
    let sharedRamMib = 0;
    for (let count = 1; ; count += 1) {
      const { placement, budget } = await this.freshBudget(choice, sharedRamMib);
      const planned = await plan({ placement, budget });
      if (!planned.need) return { ...planned, placement };
      await this.#refreshFor(choice);
      if (this.#take(choice, { placement, need: planned.need })) return { ...planned, placement };
      if (count === MAX_PLANS) throw restless(choice.modelId);
      sharedRamMib = this.#sharesHostMemory(placement) ? planned.need.ramMib : 0;
    }
  }

  /**
   * Replaces the reservation with the measured memory of the loaded model, split over the GPUs in the same
   * proportion.
   */
  settle(
    modelId: string,
    held: MemoryNeed & { readonly placement: Placement },
    isInMemory: () => boolean,
  ): void {
    const reserved = this.#holdings.get(modelId)?.vramMib ?? new Map<number, number>();
    const reservedMib = sum([...reserved.values()]);
    const parts =
      reservedMib > 0
        ? {
            ramMib: held.ramMib,
            vramMib: mapValues(reserved, (mib) => (mib / reservedMib) * held.vramMib),
          }
        : this.#spread(held.placement, held);
    this.#holdings.set(modelId, { ...parts, settledMs: this.#nowMs(), isInMemory });
  }

  /** MiB that programs other than this node's engines use on a GPU; undefined if it shares the memory of the host. */
  foreignMib(gpu: Device): number | undefined {
    this.#observe();
    const mib = this.#foreign.on(gpu);
    return mib === undefined ? undefined : Math.round(mib);
  }

  /**
   * MiB in use on a GPU: what the driver says, and at least what the models there hold, because some drivers do not
   * say. Undefined if it shares the memory of the host.
   */
  usedMib(gpu: Device): number | undefined {
    const usedMib = usedMibOf(gpu);
    if (usedMib === undefined) return undefined;
    const held = this.#shares({ ...gpu, readAtMs: Infinity }, () => true);
    return Math.max(usedMib, sum(held.filter(({ isShown }) => isShown).map(({ mib }) => mib)));
  }

  /** MiB of a GPU that are kept free of models. */
  reservedMib({ totalMib }: Device): number {
    const { reserveMib, fillRatio = 1 } = this.#options;
    return Math.max(reserveMib, totalMib * (1 - fillRatio));
  }

  /** What a load has reserved; undefined: nothing yet, or it has ended. */
  reservedFor(modelId: string): ReservedMemory | undefined {
    const holding = this.#holdings.get(modelId);
    return holding?.settledMs === undefined ? holding : undefined;
  }

  /** MiB that a model holds or has reserved on a GPU. */
  heldMib(modelId: string, index: number): number {
    return this.#holdings.get(modelId)?.vramMib.get(index) ?? 0;
  }

  /** @see ForeignMemory.trackProbe */
  trackProbe(): () => void {
    return this.#foreign.trackProbe();
  }

  release(modelId: string): void {
    const holding = this.#holdings.get(modelId);
    if (!holding) return;
    this.#holdings.delete(modelId);
    this.#releases += 1;
    this.#foreign.modelFreed(modelId, holding.vramMib);
  }

  /** The placement and budget that a load would get now, if that model were not loaded. */
  async freshBudget(choice: LoadChoice, sharedRamMib = 0): Promise<PlacedBudget> {
    await this.#refreshFor(choice);
    const placement = this.#place(choice);
    const budget = this.#budget(choice.modelId, placement);
    const { vramMib } = budget;
    if (vramMib === undefined) return { placement, budget };
    return { placement, budget: { ...budget, vramMib: Math.max(0, vramMib - sharedRamMib) } };
  }

  async #refreshFor({ mayUseGpu }: LoadChoice): Promise<void> {
    if (mayUseGpu) await this.#options.refresh();
    this.#observe();
  }

  /** Reserves the memory if the placement is still the same and the load fits. */
  #take(
    choice: LoadChoice,
    { placement, need }: { readonly placement: Placement; readonly need: MemoryNeed },
  ): boolean {
    const { modelId } = choice;
    if (!Bun.deepEquals(this.#place(choice), placement)) return false;
    const { vramMib = Infinity, ramMib = Infinity } = this.#budget(modelId, placement);
    const isShared = this.#sharesHostMemory(placement);
    if (need.vramMib > vramMib || need.ramMib + (isShared ? need.vramMib : 0) > ramMib)
      return false;
    const holding = { ...this.#spread(placement, need), settledMs: undefined };
    this.#holdings.set(modelId, { ...holding, isInMemory: () => false });
    return true;
  }

  #place({ modelId, place }: LoadChoice): Placement {
    return place((gpu) => this.#roomMib(gpu, modelId) ?? this.#ramRoomMib(modelId));
  }

  #budget(modelId: string, placement: Placement): MemoryBudget {
    const ramMib = this.#ramRoomMib(modelId);
    if (placement.backend === 'cpu') return { ramMib };
    if (this.#sharesHostMemory(placement)) return { vramMib: ramMib, ramMib };
    // A model on several GPUs is split in proportion to their free memory.
    const parts = this.#parts(placement);
    const slack = parts.length > 1 ? UNEVEN_RATIO : 0;
    const rooms = parts.map(({ gpu, ratio }) =>
      ratio === 0 ? Infinity : Math.max(0, this.#roomMib(gpu, modelId) ?? 0) / (ratio + slack),
    );
    return { vramMib: Math.min(...rooms), ramMib };
  }

  #ramRoomMib(modelId: string): number {
    const others = [...this.#holdings].filter(([id]) => id !== modelId);
    const held = sum(others.map(([, { ramMib }]) => ramMib));
    return Math.max(0, this.#options.cpuMemoryMib - held);
  }

  /** Undefined for a GPU with unified memory. */
  #roomMib(gpu: Device, modelId: string): number | undefined {
    if (usedMibOf(gpu) === undefined) return undefined;
    const others = this.#shares(gpu, (id) => id !== modelId);
    const foreign = this.#foreign.on(gpu) ?? 0;
    const held = sum(others.map(({ mib }) => mib));
    return gpu.totalMib - this.reservedMib(gpu) - foreign - held;
  }

  /** Updates the memory of other programs from the last readings. */
  #observe(): void {
    this.#foreign.observe(this.#options.devices(), (gpu) => this.#shares(gpu, () => true));
  }

  #shares({ index, readAtMs }: Device, isWanted: (modelId: string) => boolean): Share[] {
    return [...this.#holdings].flatMap(([id, { vramMib, settledMs, isInMemory }]) => {
      const mib = vramMib.get(index);
      if (mib === undefined || !isWanted(id)) return [];
      const isShown = settledMs !== undefined && settledMs <= readAtMs && isInMemory();
      return [{ mib, isShown }];
    });
  }

  #spread(placement: Placement, { vramMib, ramMib }: MemoryNeed): ReservedMemory {
    if (this.#sharesHostMemory(placement)) return { ramMib: ramMib + vramMib, vramMib: new Map() };
    const parts = this.#parts(placement).map(
      ({ gpu, ratio }) => [gpu.index, vramMib * ratio] as const,
    );
    return { ramMib, vramMib: new Map(parts) };
  }

  /** The GPUs of a placement, and the share of a model on each. */
  #parts({ deviceIndexes }: Placement): { readonly gpu: Device; readonly ratio: number }[] {
    const gpus = this.#options.devices().filter(({ index }) => deviceIndexes.includes(index));
    const freeMib = sum(gpus.map((gpu) => gpu.freeMib ?? 0));
    return gpus.map((gpu) => ({
      gpu,
      ratio: freeMib > 0 ? (gpu.freeMib ?? 0) / freeMib : 1 / gpus.length,
    }));
  }

  #sharesHostMemory(placement: Placement): boolean {
    return this.#parts(placement).some(({ gpu }) => usedMibOf(gpu) === undefined);
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? performance.now();
  }
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

const mapValues = (
  map: ReadonlyMap<number, number>,
  to: (value: number) => number,
): ReadonlyMap<number, number> =>
  new Map([...map].map(([key, value]) => [key, to(value)] as const));

const restless = (modelId: string): CortexError =>
  new CortexError(
    'insufficient_vram',
    `Another load or program took the memory for ${modelId} ${MAX_PLANS} times in a row. Try again.`,
  );
