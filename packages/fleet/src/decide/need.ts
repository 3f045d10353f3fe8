/** What a model needs on a node, and how long it loads there. */
import { memoryOf } from '../node-devices.ts';
import type { FleetSnapshot, NodeSnapshot } from '../snapshot.ts';
import type { DecideState, Reservation } from './decide-state.ts';

const MIB = 1 << 20;
/** Bytes a second of a node that has not loaded anything yet: a SATA SSD reads half as fast, an NVMe several times. */
const UNMEASURED_BYTES_PER_MS = 1_000_000;
/** Start of the process and the first step. */
const START_MS = 1000;

/**
 * MiB: measured or estimated there, else measured on another node, else estimated by another, else as the catalogue says;
 * undefined: unknown.
 */
export function needMib(state: DecideState, node: string, model: string): number | undefined {
  const known = state.facts.find(node, model)?.needMib;
  if (known !== undefined) return known;
  return (
    heldMib(state, model) ??
    state.estimates.get(model)?.mib ??
    state.snapshot.catalogue.get(model)?.vramMb
  );
}

function findHeldMib({ replicasByModel }: FleetSnapshot, model: string): number | undefined {
  for (const replica of replicasByModel.get(model) ?? []) {
    const mib = memoryOf(replica);
    if (mib !== undefined && mib > 0) return mib;
  }
  return undefined;
}

/** MiB that the model holds where it is loaded. Searched once per snapshot: a placement asks for every node. */
function heldMib(state: DecideState, model: string): number | undefined {
  const { snapshot, heldMemo } = state;
  if (heldMemo?.snapshot === snapshot && heldMemo.model === model) return heldMemo.mib;
  const mib = findHeldMib(snapshot, model);
  state.heldMemo = { snapshot, model, mib };
  return mib;
}

/** MiB measured or estimated on any node; undefined: nobody knows. */
export function measuredMib(state: DecideState, model: string): number | undefined {
  for (const { node } of state.snapshot.replicasByModel.get(model) ?? []) {
    const known = state.facts.find(node, model)?.needMib;
    if (known !== undefined) return known;
  }
  return heldMib(state, model);
}

/** The time that a load takes: measured there, else from the bytes and the speed of the node. */
export function loadMs(state: DecideState, node: string, model: string): number {
  const measured = state.facts.find(node, model)?.loadMs;
  if (measured !== undefined) return measured;
  const bytes = (needMib(state, node, model) ?? 0) * MIB;
  const speed = state.speeds.get(node);
  return speed === undefined ? START_MS + bytes / UNMEASURED_BYTES_PER_MS : bytes / speed;
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
  const heldThereMib = replica && memoryOf(replica);
  if (heldThereMib !== undefined && heldThereMib > 0) facts.needMib = heldThereMib;
  if (measuredFromMs === undefined) return;
  const tookMs = state.nowMs - measuredFromMs;
  facts.loadMs = tookMs;
  const bytes = (needMib(state, node, model) ?? 0) * MIB;
  if (bytes <= 0 || tookMs <= 0) return;
  const known = state.speeds.get(node);
  const now = bytes / tookMs;
  // Half new, half old: the file may have been in the page cache, or the disk busy.
  state.speeds.set(node, known === undefined ? now : (known + now) / 2);
}
