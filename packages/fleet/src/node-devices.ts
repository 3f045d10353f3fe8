import { DEFAULT_CPU_GB_S, publishedBandwidth } from './published-bandwidth.ts';
import type { NodeDevice, NodeSnapshot, Replica } from './snapshot.ts';

/** Whether the node serves the replica from RAM. */
export const isOnCpu = ({ devices }: Replica): boolean =>
  devices?.every((index) => index < 0) ?? false;

/** MiB that a replica holds where it runs: on its GPUs, or in RAM if it runs on the CPU; undefined: not known. */
export function memoryOf(replica: Replica): number | undefined {
  const { vramUsedMb, ramUsedMb } = replica;
  return isOnCpu(replica) ? (ramUsedMb ?? vramUsedMb) : vramUsedMb;
}

type Place = Pick<NodeDevice, 'index' | 'isCpu'>;

/** Whether it is where models are that do not say so: the only GPU, or the RAM of a node without one. */
function isOnlyPlace(device: Place, places: readonly Place[]): boolean {
  const gpus = places.filter(({ isCpu }) => !isCpu).length;
  return device.isCpu ? gpus === 0 : gpus === 1;
}

/**
 * MiB that a replica holds on one device of its node, from its reported memory. A model on several GPUs counts in equal
 * parts, because the node reports only the sum.
 *
 * @param places - All devices of the node.
 */
export function heldOn(replica: Replica, device: Place, places: readonly Place[]): number {
  const { devices, vramUsedMb = 0, ramUsedMb } = replica;
  const isThere = devices === undefined && isOnlyPlace(device, places);
  if (device.isCpu) return ramUsedMb ?? (isThere || isOnCpu(replica) ? vramUsedMb : 0);
  if (devices) return devices.includes(device.index) ? vramUsedMb / devices.length : 0;
  return isThere ? vramUsedMb : 0;
}

/** The bandwidth of a device. A name that has not changed is not looked up again: reports come often. */
function bandwidthOf(
  { devices }: NodeSnapshot,
  { index, isCpu, name }: Pick<NodeDevice, 'index' | 'isCpu' | 'name'>,
): number | undefined {
  const known = devices.find((device) => device.index === index);
  if (known !== undefined && known.name === name) return known.bandwidthGbS;
  const published = name === undefined ? undefined : publishedBandwidth(name);
  return isCpu ? (published ?? DEFAULT_CPU_GB_S) : published;
}

/**
 * The node with its devices joined from discovery and health. What other programs use is measured by the node; where
 * it does not say, it is what is in use beyond what its models hold.
 */
export function withDevices(node: NodeSnapshot): NodeSnapshot {
  const sizes = new Map(node.discovery?.devices.map((device) => [device.index, device]));
  const readings = node.health?.devices ?? [];
  const places = readings.map(({ index, kind = sizes.get(index)?.kind }) => ({
    index,
    isCpu: kind === 'cpu' || index < 0,
  }));
  const joined = readings.flatMap((reading): NodeDevice[] => {
    const { vram_free_mb: freeMib, vram_used_mb: usedMib, index } = reading;
    const place = places.find((one) => one.index === index) ?? { index, isCpu: false };
    const { isCpu } = place;
    const known = sizes.get(index)?.vram_total_mb;
    const heldMib = node.residents.reduce(
      (sum, replica) => sum + heldOn(replica, place, places),
      0,
    );
    const totalMib = known ?? (freeMib === undefined ? undefined : freeMib + (usedMib ?? heldMib));
    if (totalMib === undefined) return [];
    const inUseMib = usedMib ?? totalMib - (freeMib ?? totalMib);
    const name = isCpu ? node.discovery?.cpu.model : sizes.get(index)?.name;
    return [
      {
        index,
        isCpu,
        totalMib,
        reservedMib: reading.vram_reserved_mb ?? 0,
        foreignMib: isCpu ? 0 : (reading.foreign_mb ?? Math.max(0, inUseMib - heldMib)),
        isYielding: reading.yielding === true,
        name,
        bandwidthGbS: bandwidthOf(node, { index, isCpu, name }),
      },
    ];
  });
  return Bun.deepEquals(joined, node.devices) ? node : { ...node, devices: joined };
}
