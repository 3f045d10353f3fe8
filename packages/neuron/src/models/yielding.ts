/** Gives a GPU to the other programs that want it (behaviour 36a). */
import type { Logger } from '@cortex/service';

import { type Device, usedMibOf } from '../devices/device.ts';
import type { MemoryLedger } from '../devices/memory-ledger.ts';
import { planYield } from '../devices/yield-plan.ts';
import type { ModelLifecycle } from './model-lifecycle.ts';

/** A program that frees memory and takes it again at once must not bring models back in between. */
const CALM_MS = 30_000;

export interface YieldingOptions {
  /** Part of a GPU, 0 to 1, beyond which models leave for other programs; 0: never. */
  readonly yieldAt: number;
  readonly devices: () => readonly Device[];
  readonly ledger: Pick<MemoryLedger, 'foreignMib' | 'heldMib'>;
  readonly models: () => readonly ModelLifecycle[];
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs?: (() => number) | undefined;
}

/** Watches the GPUs, and unloads idle models from one that other programs fill. */
export class Yielding {
  readonly #options: YieldingOptions;
  /** When each yielding GPU was last too full, monotonic, by index. */
  readonly #fullAtMs = new Map<number, number>();
  /** When the last unload from each GPU ended. */
  readonly #unloadedAtMs = new Map<number, number>();

  constructor(options: YieldingOptions) {
    this.#options = options;
  }

  /** Whether nothing may be placed on this GPU for now. */
  isYielding(index: number): boolean {
    return this.#fullAtMs.has(index);
  }

  /** Call it every second or so. */
  sweep(): void {
    if (this.#options.yieldAt === 0) return;
    for (const device of this.#options.devices()) this.#watch(device, this.#nowMs());
  }

  #watch(device: Device, nowMs: number): void {
    const { index } = device;
    const missingMib = this.#missingMib(device);
    if (missingMib <= 0) {
      if (nowMs - (this.#fullAtMs.get(index) ?? nowMs) < CALM_MS) return;
      if (this.#fullAtMs.delete(index)) {
        this.#options.log.info({ device: index }, 'the GPU has room for models again');
      }
      return;
    }
    if (!this.#fullAtMs.has(index)) {
      this.#options.log.warn(
        { device: index, missingMib: Math.ceil(missingMib) },
        'another program fills the GPU: idle models leave it (devices.yield_at)',
      );
    }
    this.#fullAtMs.set(index, nowMs);
    this.#unload(device, missingMib);
  }

  /** MiB beyond the limit that are the fault of other programs. */
  #missingMib(device: Device): number {
    const { yieldAt, ledger } = this.#options;
    const usedMib = usedMibOf(device);
    if (usedMib === undefined) return 0;
    const beyondMib = usedMib - yieldAt * device.totalMib;
    return Math.min(beyondMib, ledger.foreignMib(device) ?? 0);
  }

  #unload(device: Device, missingMib: number): void {
    const { models, ledger, log } = this.#options;
    // A reading from before the last unload still shows its memory.
    if (device.readAtMs <= (this.#unloadedAtMs.get(device.index) ?? -Infinity)) return;
    const there = models().filter(({ id }) => ledger.heldMib(id, device.index) > 0);
    const goingMib = there
      .filter(({ state }) => state === 'draining' || state === 'unloading')
      .reduce((sum, { id }) => sum + ledger.heldMib(id, device.index), 0);
    const idle = there.filter(
      ({ state, isBusy, isPinned }) => state === 'loaded' && !isBusy && !isPinned,
    );
    const leaving = planYield(
      idle.map(({ id, loaded }) => ({
        id,
        vramMib: ledger.heldMib(id, device.index),
        reloadBytes: loaded?.file?.sizeBytes ?? 0,
      })),
      missingMib - goingMib,
    );
    for (const model of idle.filter(({ id }) => leaving.includes(id))) {
      log.warn({ model: model.id, device: device.index }, 'unloading for another program');
      model
        .unload({ force: false, ifIdle: true, ifGeneration: undefined })
        .catch((error: unknown) => {
          log.debug({ err: error, model: model.id }, 'used again before the unload');
        })
        .finally(() => this.#unloadedAtMs.set(device.index, this.#nowMs()));
    }
  }

  #nowMs(): number {
    return this.#options.nowMs?.() ?? performance.now();
  }
}
