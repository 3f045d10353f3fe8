import type { NodeHealth } from '@cortex/protocol';

type Devices = NodeHealth['devices'];
type Device = Devices[number];

/** Differences that matter to somebody who places models or watches a machine; smaller ones are noise. */
const NOISE = {
  vram_used_mb: 64,
  vram_free_mb: 64,
  vram_reserved_mb: 0,
  utilization_pct: 20,
  temp_c: 5,
  power_w: 20,
} as const satisfies Partial<Record<keyof Device, number>>;

/** Members that are compared, and counters that only grow, which are not. */
const isMeasured = (name: string): name is keyof typeof NOISE => Object.hasOwn(NOISE, name);
const COUNTERS: ReadonlySet<string> = new Set(['energy_j']);

function isSameReading(name: string, before: unknown, now: unknown): boolean {
  if (COUNTERS.has(name)) return true;
  if (isMeasured(name) && typeof before === 'number' && typeof now === 'number') {
    return Math.abs(before - now) <= NOISE[name];
  }
  return Bun.deepEquals(before, now);
}

function isSameDevice(before: Device, now: Device): boolean {
  const [old, fresh] = [new Map(Object.entries(before)), new Map(Object.entries(now))];
  return [...new Set([...old.keys(), ...fresh.keys()])].every((name) =>
    isSameReading(name, old.get(name), fresh.get(name)),
  );
}

/** Tells material changes of device readings from noise. */
export class DeviceChanges {
  #reported: Devices | undefined;

  /** The readings, if a device has appeared, gone or changed materially since the last ones returned. */
  check(devices: Devices): Devices | undefined {
    const before = this.#reported;
    const isSame =
      before !== undefined &&
      before.length === devices.length &&
      devices.every((device, index) => {
        const known = before[index];
        return known !== undefined && isSameDevice(known, device);
      });
    if (isSame) return undefined;
    this.#reported = devices;
    return devices;
  }
}
