/** Where on one node a model fits, and what has to leave for it. */
import type { NodeSnapshot } from '../snapshot.ts';
import type { DecideState } from './decide-state.ts';
import { type Newcomer, starvesAtMs } from './evictable.ts';
import { leave, leaversOn } from './leavers.ts';
import { needMib } from './need.ts';
import { type DeviceRoom, type DeviceSet, roomOf } from './node-room.ts';
import type { Blocker, Victim } from './record.ts';

/** Where the weights go, best first. */
export const TIERS = ['gpu', 'experts_in_ram', 'layers_in_ram', 'cpu'] as const;

export type Tier = (typeof TIERS)[number];

export interface Fit {
  readonly set: DeviceSet;
  readonly victims: readonly Victim[];
  readonly cost: number;
  /** MiB free on the devices before the load. */
  readonly freeMib: number;
  /** Some victims are still busy: they get no more requests, and the plan waits for them. */
  readonly isWaiting: boolean;
}

const sum = (rooms: readonly DeviceRoom[], of: (room: DeviceRoom) => number): number =>
  rooms.reduce((total, room) => total + of(room), 0);

const usable = (rooms: readonly DeviceRoom[]): number => sum(rooms, ({ usableMib }) => usableMib);
const free = (rooms: readonly DeviceRoom[]): number => sum(rooms, ({ freeMib }) => freeMib);

/** Whether the model fits beside what is there. */
export const hasRoomFor = ({ devices, needMib = 0 }: DeviceSet): boolean =>
  devices.length === 0 || free(devices) >= needMib;

/** The GPUs of the node that the model may use. */
function gpusFor(
  state: DecideState,
  rooms: readonly DeviceRoom[],
  model: string,
): readonly DeviceRoom[] {
  const { devices: only, minDeviceVramMb = 0 } = state.snapshot.catalogue.get(model) ?? {};
  return rooms.filter(
    ({ device }) =>
      !device.isCpu &&
      !device.isYielding &&
      device.totalMib >= minDeviceVramMb &&
      (only === undefined || only.includes(device.index)),
  );
}

/** MiB on all GPUs of the node that the model may use, in RAM if the node has none. */
export function mostMib(state: DecideState, node: NodeSnapshot, model: string): number {
  const rooms = roomOf(state, node, model);
  const isOnCpu = rooms.every(({ device }) => device.isCpu);
  return usable(isOnCpu ? rooms : gpusFor(state, rooms, model));
}

/** Single GPUs that can hold it, else the fewest that can together. */
function gpuSets(
  gpus: readonly DeviceRoom[],
  need: number,
  minDevices: number,
): readonly (readonly DeviceRoom[])[] {
  const single = minDevices > 1 ? [] : gpus.filter(({ usableMib }) => usableMib >= need);
  if (single.length > 0) return single.map((room) => [room]);
  const largest = gpus.toSorted((a, b) => b.usableMib - a.usableMib || b.freeMib - a.freeMib);
  for (let count = Math.max(2, minDevices); count <= largest.length; count += 1) {
    const chosen = largest.slice(0, count);
    if (usable(chosen) >= need) return [chosen];
  }
  return [];
}

interface Question {
  readonly rooms: readonly DeviceRoom[];
  /** MiB. */
  readonly need: number;
  readonly model: string;
}

/** The device sets of one tier that can hold the model once others have left; empty: none. */
function setsOf(
  state: DecideState,
  { rooms, need, model }: Question,
  tier: Tier,
): readonly DeviceSet[] {
  const entry = state.snapshot.catalogue.get(model);
  if (tier === 'gpu') {
    const sets = gpuSets(gpusFor(state, rooms, model), need, entry?.minDevices ?? 1);
    return sets.map((devices) => ({ devices, needMib: need }));
  }
  const cpu = rooms.filter(({ device }) => device.isCpu);
  if (tier === 'cpu') return usable(cpu) >= need ? [{ devices: cpu, needMib: need }] : [];
  const isExperts = tier === 'experts_in_ram';
  if (isExperts !== (entry?.nCpuMoe !== undefined) || entry?.gpuLayers === 'all') return [];
  return gpusFor(state, rooms, model)
    .filter((gpu) => gpu.usableMib > 0 && gpu.usableMib + usable(cpu) >= need)
    .map((gpu) => ({ devices: [gpu], needMib: Math.min(need, gpu.usableMib) }));
}

/** The GPUs of a model that sleeps: it wakes on those that it had. Undefined: it does not sleep there, or they cannot hold it. */
function ownSet(
  state: DecideState,
  node: NodeSnapshot,
  { rooms, need, model }: Question,
): DeviceSet | undefined {
  const { status, devices: own = [] } = node.replicas.get(model) ?? {};
  if (status !== 'sleeping' || own.length === 0) return undefined;
  const devices = gpusFor(state, rooms, model).filter(({ device }) => own.includes(device.index));
  const isHeld = devices.length === own.length && usable(devices) >= need;
  return isHeld ? { devices, needMib: need } : undefined;
}

export interface TierSets {
  /** Index in `TIERS`. */
  readonly tier: number;
  readonly sets: readonly DeviceSet[];
}

/**
 * The best tier of the node that can hold the model once others have left, with its device sets. A node of which nothing
 * is known counts as the best tier.
 */
export function tierOf(
  state: DecideState,
  node: NodeSnapshot,
  model: string,
): TierSets | undefined {
  const need = needMib(state, node.name, model);
  if (need === undefined || node.devices.length === 0)
    return { tier: 0, sets: [{ devices: [], needMib: need }] };
  const rooms = roomOf(state, node, model);
  const own = ownSet(state, node, { rooms, need, model });
  if (own) return { tier: 0, sets: [own] };
  const question = { rooms, need, model };
  for (const [tier, name] of TIERS.entries()) {
    const sets = setsOf(state, question, name);
    if (sets.length > 0) return { tier, sets };
  }
  return undefined;
}

const costOf = (victims: readonly Victim[]): number =>
  victims.reduce((total, { cost }) => total + cost, 0);

export type FitResult =
  | { readonly kind: 'fits'; readonly fit: Fit }
  | (Obstacles & { readonly kind: 'blocked'; readonly nextMs: number });

/** What is in the way of a model on a node. */
export interface Obstacles {
  /** MiB that are free or would be. */
  readonly haveMib: number;
  readonly blockers: readonly Blocker[];
  /** It could not be loaded if everything left that leaves by itself. */
  readonly isStuck: boolean;
}

/** The cheapest way to make room in one set. `fits` with `isWaiting` only for a newcomer that starves. */
function fitSet(
  state: DecideState,
  node: NodeSnapshot,
  { set, newcomer, mayEvict }: { set: DeviceSet; newcomer: Newcomer; mayEvict: boolean },
): FitResult {
  const freeMib = set.devices.length === 0 ? Infinity : free(set.devices);
  const missingMib = (set.needMib ?? 0) - freeMib;
  const bare = { set, freeMib, isWaiting: false };
  if (missingMib <= 0) return { kind: 'fits', fit: { ...bare, victims: [], cost: 0 } };
  if (!mayEvict)
    return { kind: 'blocked', nextMs: Infinity, haveMib: freeMib, blockers: [], isStuck: false };
  const { idle, busy, blockers, stuckMib, nextMs } = leaversOn(state, node, { set, newcomer });
  const { strategy } = state.settings;
  const victims = leave(idle, missingMib, strategy);
  if (victims) return { kind: 'fits', fit: { ...bare, victims, cost: costOf(victims) } };
  const starvesMs = starvesAtMs(state, node.name, newcomer);
  if (starvesMs <= state.nowMs) {
    const all = leave([...idle, ...busy], missingMib, strategy);
    if (all)
      return { kind: 'fits', fit: { ...bare, victims: all, cost: costOf(all), isWaiting: true } };
  }
  const wakesMs = Math.min(nextMs, starvesMs > state.nowMs ? starvesMs : Infinity);
  const idleMib = idle.reduce((total, { unload }) => total + unload.freesMib, 0);
  // Other programs may leave.
  const mostMib = sum(set.devices, ({ device }) => device.totalMib - device.reservedMib);
  const isStuck = mostMib - stuckMib < (set.needMib ?? 0);
  return { kind: 'blocked', nextMs: wakesMs, haveMib: freeMib + idleMib, blockers, isStuck };
}

const isBetter = (a: Fit, b: Fit): boolean =>
  Number(a.isWaiting) - Number(b.isWaiting) < 0 ||
  (a.isWaiting === b.isWaiting &&
    (a.cost < b.cost || (a.cost === b.cost && a.freeMib > b.freeMib)));

/** The cheapest way to make room for the newcomer on a node in one of `sets`. */
export function fitNode(
  state: DecideState,
  node: NodeSnapshot,
  options: {
    readonly sets: readonly DeviceSet[];
    readonly newcomer: Newcomer;
    readonly mayEvict: boolean;
  },
): FitResult {
  let best: Fit | undefined;
  let nextMs = Infinity;
  let isStuck = true;
  let nearest: Obstacles | undefined;
  for (const set of options.sets) {
    const result = fitSet(state, node, { ...options, set });
    if (result.kind === 'fits') {
      if (!best || isBetter(result.fit, best)) best = result.fit;
    } else {
      nextMs = Math.min(nextMs, result.nextMs);
      isStuck &&= result.isStuck;
      if (!nearest || result.haveMib > nearest.haveMib) nearest = result;
    }
  }
  if (best) return { kind: 'fits', fit: best };
  const { haveMib = -Infinity, blockers = [] } = nearest ?? {};
  return { kind: 'blocked', nextMs, haveMib, blockers, isStuck };
}
