/** Splits the memory of a GPU into models, other programs and free memory. */
import { type Device, usedMibOf } from './device.ts';

/** More than the driver context of a process that inspects a file. */
const PROBE_MIB = 1024;

/** Memory that a model holds or has reserved on one GPU, MiB. */
export interface Share {
  readonly mib: number;
  /** Whether the driver's figure is certain to include it, because it was loaded before the query. */
  readonly isShown: boolean;
}

const sum = (shares: readonly Share[]): number => shares.reduce((total, { mib }) => total + mib, 0);

/**
 * Memory of a GPU that no model of this node holds: other programs and the driver itself.
 *
 * While a model is loading, the driver's figure includes an unknown part of it. The earlier value is then kept, as
 * far as it is still possible.
 *
 * @param before - The value when no load was under way; undefined if unknown.
 */
function foreignMib(
  usedMib: number,
  { shares, before }: { readonly shares: readonly Share[]; readonly before: number | undefined },
): number {
  const shown = sum(shares.filter(({ isShown }) => isShown));
  const underWay = sum(shares.filter(({ isShown }) => !isShown));
  const most = Math.max(0, usedMib - shown);
  const least = Math.max(0, usedMib - shown - underWay);
  return Math.min(most, Math.max(least, before ?? most));
}

interface FreedMemory {
  /** MiB by GPU index. */
  readonly vramMib: ReadonlyMap<number, number>;
  /** Monotonic. */
  readonly freedMs: number;
}

/** The memory of other programs on each GPU, observed at every reading. */
export class ForeignMemory {
  readonly #mib = new Map<number, number>();
  /** When each probe process on a GPU ended, monotonic; undefined while it runs. */
  readonly #probes = new Set<{ endedMs: number | undefined }>();
  /** What models have given back, by id: readings from before may show it. At most one entry per model. */
  readonly #freed = new Map<string, FreedMemory>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** MiB, as last observed; undefined before, and for a GPU that shares the memory of the host. */
  on({ index }: Device): number | undefined {
    return this.#mib.get(index);
  }

  /** Accounts for a process that inspects files on the GPUs, until the returned function is called. */
  trackProbe(): () => void {
    const probe: { endedMs: number | undefined } = { endedMs: undefined };
    this.#probes.add(probe);
    return () => {
      probe.endedMs = this.#nowMs();
    };
  }

  /** Call it when a model has given its memory back: until the next reading it is not that of another program. */
  modelFreed(modelId: string, vramMib: ReadonlyMap<number, number>): void {
    if (vramMib.size > 0) this.#freed.set(modelId, { vramMib, freedMs: this.#nowMs() });
  }

  /** Takes over the last readings. */
  observe(gpus: readonly Device[], sharesOn: (gpu: Device) => readonly Share[]): void {
    const oldestMs = Math.min(...gpus.map(({ readAtMs }) => readAtMs));
    for (const probe of this.#probes) {
      if (probe.endedMs !== undefined && probe.endedMs <= oldestMs) this.#probes.delete(probe);
    }
    for (const [id, { freedMs }] of this.#freed) if (freedMs < oldestMs) this.#freed.delete(id);
    const probes = Array.from(this.#probes, () => ({ mib: PROBE_MIB, isShown: false }));
    for (const gpu of gpus) {
      const usedMib = usedMibOf(gpu);
      if (usedMib === undefined) continue;
      const shares = [...sharesOn(gpu), ...this.#freedOn(gpu), ...probes];
      this.#mib.set(gpu.index, foreignMib(usedMib, { shares, before: this.on(gpu) }));
    }
  }

  #freedOn({ index, readAtMs }: Device): Share[] {
    return [...this.#freed.values()].flatMap(({ vramMib, freedMs }) => {
      const mib = vramMib.get(index);
      return mib === undefined || freedMs < readAtMs ? [] : [{ mib, isShown: false }];
    });
  }
}
