/**
 * How fast a model would answer a request on a node, in tokens per second (rule 31).
 *
 * Decoding is bound by memory: a token reads every active weight once. So the speed is the bandwidth of the memory that
 * holds the weights over their bytes.
 */
import type { NodeDevice, NodeSnapshot, Replica } from '../snapshot.ts';
import { isOnCpu, memoryOf } from '../node-devices.ts';
import { type DecideState, REACHED } from './decide-state.ts';
import { needMib } from './need.ts';
import type { DeviceSet } from './node-room.ts';
import type { ExpectedSpeed } from './record.ts';

const MIB_PER_GB = 1e9 / (1 << 20);
/** Measured speeds vary by so much from one load to the next: speeds are compared in steps of this ratio. */
const STEP_RATIO = 1.1;

/** `30B-A3B` in the name of a model: 3 of its 30 billion weights are active for a token. */
const ACTIVE_WEIGHTS = /(\d+(?:\.\d+)?)b[-_]a(\d+(?:\.\d+)?)b(?![a-z0-9])/i;

/** Part of the weights that a token reads, from the name of the model or of its source; 1 if neither says. */
export function activeRatio(...names: readonly (string | undefined)[]): number {
  for (const name of names) {
    const [, total, active] = ACTIVE_WEIGHTS.exec(name ?? '') ?? [];
    const ratio = Number(active) / Number(total);
    if (ratio > 0 && ratio <= 1) return ratio;
  }
  return 1;
}

/** Found once per snapshot and model: a placement asks for every node. */
function ratioOf(state: DecideState, model: string): number {
  const { snapshot, ratio } = state.memo;
  const known = ratio.get(model);
  if (known !== undefined) return known;
  const found = activeRatio(model, snapshot.catalogue.get(model)?.source);
  ratio.set(model, found);
  return found;
}

/** Whether layers or experts are in RAM and others on a GPU: their speed says nothing about either memory. */
function isSplit(node: NodeSnapshot, model: string): boolean {
  const entry = node.reported.get(model);
  const [on, of] = entry?.gpu_layers?.split('/') ?? [];
  return (
    (of !== undefined && Number(on) < Number(of)) || entry?.settings['n_cpu_moe'] !== undefined
  );
}

/** The published bandwidth of the slowest card that a replica uses, MiB a second; undefined: not known of all. */
function publishedMibS(
  { devices }: NodeSnapshot,
  used: readonly number[] | undefined,
): number | undefined {
  let leastGbS = Infinity;
  for (const { index, bandwidthGbS, isCpu } of devices) {
    if (isCpu || used?.includes(index) === false) continue;
    if (bandwidthGbS === undefined) return undefined;
    leastGbS = Math.min(leastGbS, bandwidthGbS);
  }
  return leastGbS === Infinity ? undefined : leastGbS * MIB_PER_GB;
}

/** Part of the way that a maximum moves down to a lower measurement: a single one can be of a model bound by other things. */
const FALL = 1 / 8;

/** A maximum that forgets: what was seen once, such as of an engine that counts otherwise, does not hold for ever. */
const towards = (known: number | undefined, seen: number): number =>
  known === undefined || seen >= known ? seen : known + (seen - known) * FALL;

/** Notes the speed that a node measured of a replica, and what it shows of the memory there. */
export function noteSpeed(state: DecideState, node: NodeSnapshot, replica: Replica): void {
  const tokS = replica.load?.tokSDecode;
  if (tokS === undefined) return;
  const { model, devices } = replica;
  const isCpu = isOnCpu(replica);
  const facts = state.facts.of(node.name, model);
  // Other figures of the replica have changed: the same measurement does not count twice.
  if (facts.speed?.tokS === tokS && facts.speed.isOnCpu === isCpu) return;
  facts.speed = { tokS, isOnCpu: isCpu };
  const heldMib = memoryOf(replica) ?? 0;
  if (heldMib <= 0 || isSplit(node, model)) return;
  const seen = tokS * heldMib * ratioOf(state, model);
  const published = isCpu ? undefined : publishedMibS(node, devices);
  if (published !== undefined) {
    // Drafted tokens share the reading of a weight: no card reads more than its maker says.
    const reached = Math.min(1, towards(state.reachedRatio, seen / published));
    // Less is what small models show, which are bound by other things.
    state.reachedRatio = Math.max(REACHED, reached);
    return;
  }
  const known = state.bandwidths.get(node.name) ?? { gpuMibS: undefined, cpuMibS: undefined };
  if (isCpu) known.cpuMibS = towards(known.cpuMibS, seen);
  else known.gpuMibS = towards(known.gpuMibS, seen);
  state.bandwidths.set(node.name, known);
}

/**
 * MiB a second that decoding reads from a device; undefined: not known.
 *
 * Of cards whose bandwidth is published all reach the same part of it. Otherwise nodes with equal cards would differ by
 * which models have run there: a small model is bound by other things, and a busy one shares what it reads.
 */
function bandwidthOf(
  state: DecideState,
  node: string,
  { isCpu, bandwidthGbS }: Pick<NodeDevice, 'isCpu' | 'bandwidthGbS'>,
): number | undefined {
  const expected =
    bandwidthGbS === undefined ? undefined : bandwidthGbS * MIB_PER_GB * state.reachedRatio;
  const known = state.bandwidths.get(node);
  // The name of a processor says little about its memory.
  return isCpu ? (known?.cpuMibS ?? expected) : (expected ?? known?.gpuMibS);
}

/** Seconds in which a token reads the weights from the devices of a set, and from RAM what they do not hold. */
function readS(
  state: DecideState,
  node: NodeSnapshot,
  { devices, needMib: heldMib, model }: DeviceSet & { readonly model: string },
): number | undefined {
  const need = needMib(state, node.name, model);
  if (need === undefined || heldMib === undefined || devices.length === 0) return undefined;
  let usableMib = 0;
  for (const room of devices) usableMib += room.usableMib;
  let seconds = 0;
  for (const room of devices) {
    const mibS = bandwidthOf(state, node.name, room.device);
    if (mibS === undefined) return undefined;
    seconds += (heldMib * room.usableMib) / Math.max(1, usableMib) / mibS;
  }
  if (need > heldMib) {
    const ram = node.devices.find(({ isCpu }) => isCpu);
    const mibS = ram && bandwidthOf(state, node.name, ram);
    if (mibS === undefined) return undefined;
    seconds += (need - heldMib) / mibS;
  }
  return seconds * ratioOf(state, model);
}

/**
 * The speed of a model on a node: measured there, also if it has left since, else predicted from memory bandwidth ×
 * `weight`; undefined: nothing is known of its bytes or of the memory.
 */
export function expectedSpeed(
  state: DecideState,
  node: NodeSnapshot,
  { model, set }: { readonly model: string; readonly set: DeviceSet },
): ExpectedSpeed | undefined {
  const measured = state.facts.find(node.name, model)?.speed;
  const isCpuSet = set.devices.length > 0 && set.devices.every(({ device }) => device.isCpu);
  if (measured && (set.devices.length === 0 || measured.isOnCpu === isCpuSet))
    return { tokS: measured.tokS, isMeasured: true };
  const seconds = readS(state, node, { ...set, model });
  if (seconds === undefined || seconds <= 0) return undefined;
  return { tokS: node.speedWeight / seconds, isMeasured: false };
}

/** A place whose speed is compared with others. */
interface Compared {
  readonly speedWeight: number;
  readonly speed: ExpectedSpeed | undefined;
}

/**
 * How places compare by speed, more being faster. One of unknown speed counts as the mean of the others × its weight;
 * where none is known, the weights alone count.
 */
export function speedRanks(places: readonly Compared[]): readonly number[] {
  let sum = 0;
  let count = 0;
  for (const { speed, speedWeight } of places) {
    if (!speed) continue;
    sum += speed.tokS / speedWeight;
    count += 1;
  }
  return places.map(({ speed, speedWeight }) => {
    if (count === 0) return speedWeight;
    const tokS = speed?.tokS ?? (sum / count) * speedWeight;
    return Math.round(Math.log(tokS) / Math.log(STEP_RATIO));
  });
}
