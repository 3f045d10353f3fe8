/** Chooses the devices of a load by their free memory. Pure. */
import type { Device } from './device.ts';

/** Free memory for a load, MiB. */
export type RoomOf = (device: Device) => number;

/** Devices of one kind that a model can be split over, because one process can open them together. */
function groupsOf(devices: readonly Device[]): readonly (readonly Device[])[] {
  const groups = new Map<string, Device[]>();
  for (const device of devices) {
    // A partition is a group of its own, and so is a device whose memory is that of the host.
    const isAlone = device.isPartition === true || device.freeMib === undefined;
    const key = isAlone ? `${device.kind}/${device.index}` : device.kind;
    groups.set(key, [...(groups.get(key) ?? []), device]);
  }
  return [...groups.values()];
}

/** The most devices over which one model can be split. */
export const mostDevices = (devices: readonly Device[]): number =>
  Math.max(0, ...groupsOf(devices).map((group) => group.length));

/** `count` devices of one kind with the most room together, the roomiest first; none if there are not as many. */
export function roomiest(
  devices: readonly Device[],
  { count, roomOf }: { readonly count: number; readonly roomOf: RoomOf },
): readonly Device[] {
  const room = new Map(devices.map((device) => [device, roomOf(device)] as const));
  const of = (device: Device): number => room.get(device) ?? 0;
  const total = (chosen: readonly Device[]): number =>
    chosen.reduce((sum, device) => sum + of(device), 0);
  const sets = groupsOf(devices)
    .filter((group) => group.length >= count)
    .map((group) => group.toSorted((a, b) => of(b) - of(a)).slice(0, count));
  return sets.toSorted((a, b) => total(b) - total(a))[0] ?? [];
}
