/** Devices that a model can run on, of any kind. */

/** Kinds of `/discovery`. An engine opens one kind. */
export type DeviceKind = 'cuda' | 'rocm' | 'vulkan' | 'metal' | 'cpu';

/** Variables that choose the devices of an engine process. */
export type DeviceEnv = Readonly<Record<string, string>>;

/** Hides every GPU from an engine process, whatever library it opens. */
export const NO_GPU_ENV: DeviceEnv = {
  CUDA_VISIBLE_DEVICES: '',
  HIP_VISIBLE_DEVICES: '',
  GGML_VK_VISIBLE_DEVICES: '',
};

/** A GPU as its tool or driver reports it. Unknown values are absent. */
export interface Device {
  /** As in `/discovery`. The same for the life of the daemon, and unique on this node. */
  readonly index: number;
  readonly uuid?: string | undefined;
  readonly name: string;
  readonly kind: Exclude<DeviceKind, 'cpu'>;
  /** MiB; the memory of the host if the device shares it. */
  readonly totalMib: number;
  /** MiB that no program uses; absent: the device shares the memory of the host and reports no use of its own. */
  readonly freeMib?: number | undefined;
  readonly utilizationPct?: number | undefined;
  readonly tempC?: number | undefined;
  readonly powerW?: number | undefined;
  /** Joules since the start of the daemon, or since the card was powered on if it counts them itself. */
  readonly energyJ?: number | undefined;
  readonly computeCapability?: string | undefined;
  readonly driverVersion?: string | undefined;
  /**
   * Value of each variable that shows this device to an engine process; the values of several devices are joined by
   * commas.
   */
  readonly env: DeviceEnv;
  /** A partition (MIG): a process sees one of them, so no model is split over several. */
  readonly isPartition?: true | undefined;
  /** When it was read, monotonic. Later allocations may be missing. */
  readonly readAtMs: number;
}

/** MiB in use by all programs; undefined for a device that shares the memory of the host. */
export const usedMibOf = ({ totalMib, freeMib }: Device): number | undefined =>
  freeMib === undefined ? undefined : totalMib - freeMib;

/** The environment of an engine process that sees `devices`, in that order, and no other GPU. */
export function envOf(devices: readonly Device[]): DeviceEnv {
  const shown = new Map<string, string[]>();
  for (const { env } of devices) {
    for (const [name, value] of Object.entries(env)) {
      shown.set(name, [...(shown.get(name) ?? []), value]);
    }
  }
  const values = [...shown].map(([name, parts]) => [name, parts.join(',')] as const);
  return { ...NO_GPU_ENV, ...Object.fromEntries(values) };
}

/** Where a model runs. */
export interface Placement {
  readonly backend: DeviceKind;
  /** Indexes as in `/discovery`; empty on the CPU. */
  readonly deviceIndexes: readonly number[];
  /** Environment of the engine process: shows it these devices and hides every other GPU. */
  readonly env: DeviceEnv;
  /** Human-readable: why the load does not use a GPU of this machine. */
  readonly warning?: string | undefined;
}
