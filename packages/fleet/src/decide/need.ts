/** What a model needs on a node, and how long it loads there. */
import { memoryOf } from '../node-devices.ts';
import type { FleetSnapshot, NodeSnapshot, Replica } from '../snapshot.ts';
import type { DecideState, Reservation } from './decide-state.ts';

const MIB = 1 << 20;
/** Bytes a second of a node that has not loaded anything yet: a SATA SSD reads half as fast, an NVMe several times. */
const UNMEASURED_BYTES_PER_MS = 1_000_000;
/** Of a model that wakes: its weights come from RAM over PCIe, 4.0 x4 or more. */
const UNMEASURED_WAKE_BYTES_PER_MS = 6_000_000;
/** Start of the process and the first step. */
const START_MS = 1000;

/** Whether the node chooses context or slots. It then takes what is free, so what the model holds is not what it needs. */
export function isAutomatic({ snapshot }: DecideState, model: string): boolean {
  const { contextLength = 'auto', slots = 'auto' } = snapshot.catalogue.get(model) ?? {};
  return contextLength === 'auto' || slots === 'auto';
}

/**
 * MiB: measured or estimated there, else measured on another node, else estimated by another, else as the catalogue says;
 * undefined: unknown. With automatic settings an estimate comes before a measurement.
 */
export function needMib(state: DecideState, node: string, model: string): number | undefined {
  const known = state.facts.find(node, model)?.needMib;
  if (known !== undefined) return known;
  const estimated = state.estimates.get(model)?.mib;
  const measured =
    estimated !== undefined && isAutomatic(state, model) ? estimated : heldMib(state, model);
  return measured ?? estimated ?? state.snapshot.catalogue.get(model)?.vramMb;
}

/** The least that it holds on a node that is up. */
function findHeldMib({ replicasByModel }: FleetSnapshot, model: string): number | undefined {
  let least: number | undefined;
  for (const replica of replicasByModel.get(model) ?? []) {
    const isAwake = replica.isNodeUp && replica.status !== 'sleeping';
    const mib = isAwake ? (memoryOf(replica) ?? 0) : 0;
    if (mib > 0) least = Math.min(mib, least ?? mib);
  }
  return least;
}

/** MiB that the model holds where it is loaded. Searched once per snapshot: a placement asks for every node. */
function heldMib(state: DecideState, model: string): number | undefined {
  const { snapshot, held } = state.memo;
  const known = held.get(model);
  if (known !== undefined || held.has(model)) return known;
  const mib = findHeldMib(snapshot, model);
  held.set(model, mib);
  return mib;
}

/** MiB measured or estimated on any node; undefined: nobody knows. */
export function measuredMib(state: DecideState, model: string): number | undefined {
  for (const { node } of state.snapshot.replicasByModel.get(model) ?? []) {
    const known = state.facts.find(node, model)?.needMib;
    if (known !== undefined) return known;
  }
  return isAutomatic(state, model) ? undefined : heldMib(state, model);
}

/** The time that a load takes: measured there, else from the bytes and the speed of the node. */
export function loadMs(state: DecideState, node: string, model: string): number {
  const measured = state.facts.find(node, model)?.loadMs;
  if (measured !== undefined) return measured;
  const bytes = (needMib(state, node, model) ?? 0) * MIB;
  const speed = state.speeds.get(node);
  return speed === undefined ? START_MS + bytes / UNMEASURED_BYTES_PER_MS : bytes / speed;
}

/** The time that a wake takes there: measured, else from the bytes; never more than a load. */
export function wakeMs(state: DecideState, node: string, model: string): number {
  const measured = state.facts.find(node, model)?.wakeMs;
  if (measured !== undefined) return measured;
  const bytes = (needMib(state, node, model) ?? 0) * MIB;
  return Math.min(loadMs(state, node, model), bytes / UNMEASURED_WAKE_BYTES_PER_MS);
}

const isAsleep = ({ snapshot }: DecideState, node: string, model: string): boolean =>
  snapshot.nodes.get(node)?.replicas.get(model)?.status === 'sleeping';

/** The time until the model would serve there: a wake if it sleeps there, else a load. */
export const comingMs = (state: DecideState, node: string, model: string): number =>
  isAsleep(state, node, model) ? wakeMs(state, node, model) : loadMs(state, node, model);

/** Whether the model is put to sleep when it has to leave. */
export const leavesAsleep = ({ canSleep, status }: Replica): boolean =>
  canSleep && status === 'loaded';

/** The time in which a model that has to leave would come back. */
export const backMs = (state: DecideState, replica: Replica): number =>
  leavesAsleep(replica)
    ? wakeMs(state, replica.node, replica.model)
    : loadMs(state, replica.node, replica.model);

/** Notes what a model keeps while it sleeps. While it falls asleep the node may still show what it held. */
export function noteAsleep(state: DecideState, replica: Replica): void {
  const { node, model, status } = replica;
  if (status !== 'sleeping' || state.leavingTo(node, model) !== undefined) return;
  state.facts.of(node, model).asleepMib = memoryOf(replica) ?? 0;
}

/** Whether the settings of the model are still those with which the load was started: else what came of it says nothing. */
export const hasSameSettings = (
  { snapshot }: DecideState,
  { model, settings }: Reservation,
): boolean => Bun.deepEquals(settings, snapshot.catalogue.get(model));

/** Whether a load has to fetch the file first, as far as is known: nodes tell more when they do (`notePulls`). */
export const mayDownload = ({ snapshot }: DecideState, node: string, model: string): boolean =>
  snapshot.catalogue.get(model)?.source !== undefined &&
  snapshot.nodes.get(node)?.replicas.get(model)?.onDisk !== true;

/** The time of a load with a download says nothing about the next load. */
export function notePulls(state: DecideState, { name, replicas }: NodeSnapshot): void {
  for (const [model, byNode] of state.reservations) {
    const reservation = byNode.get(name);
    if (reservation && replicas.get(model)?.status === 'pulling') {
      reservation.measuredFromMs = undefined;
    }
  }
}

/** Notes what a load needs that ends now, and the time it took, for the model and for the others on that node. */
export function noteLoad(state: DecideState, reservation: Reservation): void {
  if (!hasSameSettings(state, reservation)) return;
  const { node, model, measuredFromMs } = reservation;
  const facts = state.facts.of(node, model);
  const replica = state.snapshot.nodes.get(node)?.replicas.get(model);
  const heldThereMib = (replica && memoryOf(replica)) ?? 0;
  const isEstimated = state.estimates.get(model)?.mib !== undefined;
  if (heldThereMib > 0 && !(isEstimated && isAutomatic(state, model))) facts.needMib = heldThereMib;
  if (measuredFromMs === undefined) return;
  const tookMs = state.nowMs - measuredFromMs;
  if (reservation.isWake) {
    // It read nothing from the disk, so it says nothing about loads.
    facts.wakeMs = tookMs;
    return;
  }
  facts.loadMs = tookMs;
  const bytes = (needMib(state, node, model) ?? 0) * MIB;
  if (bytes <= 0 || tookMs <= 0) return;
  const known = state.speeds.get(node);
  const now = bytes / tookMs;
  // Half new, half old: the file may have been in the page cache, or the disk busy.
  state.speeds.set(node, known === undefined ? now : (known + now) / 2);
}
