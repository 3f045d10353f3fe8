import type { Device } from './device.ts';
import type { FoundDevice } from './device-source.ts';
import { EnergyMeter } from './energy-meter.ts';

const keyOf = ({ kind, uuid, name, index }: FoundDevice): string =>
  `${kind}/${uuid ?? `${name}/${index}`}`;

/**
 * Numbers the devices of all sources. A device keeps its index for the life of the daemon; it gets the one that its
 * source prefers, or the next free one if another device has it.
 */
export class DeviceTable {
  readonly #indexes = new Map<string, number>();
  readonly #energy = new EnergyMeter();

  /** The devices of one reading, taken at `readAtMs`. */
  add(found: readonly FoundDevice[], readAtMs: number): readonly Device[] {
    return found.map((device) => {
      const key = keyOf(device);
      const metered = this.#energy.add(key, device.powerW, readAtMs);
      return {
        ...device,
        index: this.#indexOf(key, device.index),
        energyJ: device.energyJ ?? metered,
        readAtMs,
      };
    });
  }

  #indexOf(key: string, preferred: number): number {
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const taken = new Set(this.#indexes.values());
    let index = preferred;
    while (taken.has(index)) index += 1;
    this.#indexes.set(key, index);
    return index;
  }
}
