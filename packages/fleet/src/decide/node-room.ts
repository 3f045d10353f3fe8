/** Free memory of a node for loads, device by device. */
import { heldOn } from '../node-devices.ts';
import type { NodeDevice, NodeSnapshot, Replica } from '../snapshot.ts';
import { stateTraits } from '@cortex/protocol';

import type { DecideState } from './decide-state.ts';
import { needMib } from './need.ts';

export interface DeviceRoom {
  readonly device: NodeDevice;
  /** MiB that models may use in all. */
  readonly usableMib: number;
  /** MiB that no model holds or is about to; below 0 while a load waits for its victims to leave. */
  readonly freeMib: number;
}

/** A set of devices for a load. */
export interface DeviceSet {
  readonly devices: readonly DeviceRoom[];
  /** MiB on these devices; undefined: not known. */
  readonly needMib: number | undefined;
}

/** MiB that a replica holds or will hold on a device. */
export function takenOn(
  state: DecideState,
  node: NodeSnapshot,
  { replica, device }: { readonly replica: Replica; readonly device: NodeDevice },
): number {
  const { status, model } = replica;
  const isComing = stateTraits(status).underWay || status === 'recovering';
  const reservation = isComing ? state.reservation(node.name, model) : undefined;
  const devices = reservation?.devices ?? replica.devices;
  const mib = isComing
    ? (reservation?.takesMib ?? needMib(state, node.name, model) ?? replica.vramUsedMb ?? 0)
    : replica.vramUsedMb;
  if (devices !== undefined && devices.length > 1 && mib !== undefined) {
    const shares = state.facts.find(node.name, model)?.shares;
    const equal = devices.includes(device.index) ? 1 / devices.length : 0;
    return mib * (shares?.get(device.index) ?? equal);
  }
  if (!isComing) return heldOn(replica, device, node.devices);
  if (devices === undefined || devices.length === 0) {
    return heldOn({ ...replica, vramUsedMb: mib }, device, node.devices);
  }
  return devices.includes(device.index) ? (mib ?? 0) : 0;
}

/**
 * The devices that models of `node` may use, with their room for `newcomer`, whose own memory counts as free while it
 * sleeps there. Empty: nothing is known of its memory.
 */
export function roomOf(
  state: DecideState,
  node: NodeSnapshot,
  newcomer: string,
): readonly DeviceRoom[] {
  const others = node.residents.filter(
    ({ model, status }) => model !== newcomer || status !== 'sleeping',
  );
  return node.devices.map((device) => {
    const usableMib = device.totalMib - device.reservedMib - device.foreignMib;
    let freeMib = usableMib;
    for (const replica of others) freeMib -= takenOn(state, node, { replica, device });
    return { device, usableMib, freeMib };
  });
}
