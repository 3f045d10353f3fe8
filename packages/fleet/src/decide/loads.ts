/** Starts and ends of loads, with what they reserve and unload. */

import { stateTraits } from '@cortex/protocol';

import type { Action, DecideEvent, LoadOutcome } from './events.ts';
import type { DecideState, Reservation } from './decide-state.ts';
import type { Fit } from './fit-node.ts';
import { hasSameSettings, mayDownload, noteAsleep, noteLoad } from './need.ts';
import type { PlacementRecord } from './record.ts';
import { takenOn } from './node-room.ts';
import { memoryChanged } from './replan.ts';
import { shareMemory } from './share-memory.ts';

/** Ends what a starving model has kept for itself on a node. */
export function releaseClaim(state: DecideState, node: string): void {
  const model = state.claims.get(node);
  if (model === undefined) return;
  state.claims.delete(node);
  for (const resident of state.snapshot.nodes.get(node)?.residents ?? []) {
    const facts = state.facts.find(node, resident.model);
    if (facts?.yieldsTo !== model || state.leavingTo(node, resident.model) !== undefined) continue;
    facts.yieldsTo = undefined;
    state.dirty.add(resident.model);
  }
  memoryChanged(state, node);
}

export function releaseClaimsOf(state: DecideState, model: string): void {
  for (const [node, claimant] of state.claims) if (claimant === model) releaseClaim(state, node);
}

/** Keeps a node for a starving model: its busy victims get no more requests. */
export function claim(
  state: DecideState,
  { node, model, fit }: { node: string; model: string; fit: Fit },
): void {
  if (state.claims.get(node) !== model) {
    releaseClaimsOf(state, model);
    releaseClaim(state, node);
    state.claims.set(node, model);
  }
  const victims = new Set(fit.victims.map((victim) => victim.model));
  // What was a victim before may be pinned now, or gone.
  for (const resident of state.snapshot.nodes.get(node)?.residents ?? []) {
    const facts = state.facts.find(node, resident.model);
    if (facts?.yieldsTo !== model || victims.has(resident.model)) continue;
    facts.yieldsTo = undefined;
    state.dirty.add(resident.model);
  }
  for (const victim of victims) state.facts.of(node, victim).yieldsTo = model;
}

interface NewLoad {
  readonly node: string;
  readonly model: string;
  readonly fit: Fit;
  readonly record: PlacementRecord;
  readonly isDetached: boolean;
}

/** The parts of a model on several devices, in proportion to their room once the victims have left, as nodes split it. */
function sharesOf(
  state: DecideState,
  node: string,
  { set, victims }: Fit,
): ReadonlyMap<number, number> {
  const snapshot = state.snapshot.nodes.get(node);
  const rooms = set.devices.map(({ device, freeMib }) => {
    let roomMib = freeMib;
    for (const { model } of victims) {
      const replica = snapshot?.replicas.get(model);
      if (snapshot && replica) roomMib += takenOn(state, snapshot, { replica, device });
    }
    return { index: device.index, roomMib: Math.max(0, roomMib) };
  });
  const total = rooms.reduce((sum, { roomMib }) => sum + roomMib, 0);
  return new Map(rooms.map(({ index, roomMib }) => [index, roomMib / Math.max(1, total)]));
}

export function startLoad(state: DecideState, load: NewLoad, actions: Action[]): void {
  const { node, model, fit, record, isDetached } = load;
  releaseClaimsOf(state, model);
  state.reloads.delete(model);
  state.dismissed.delete(model);
  const devices = fit.set.devices.map(({ device }) => device.index);
  const { takesMib, limitMib } = shareMemory(state, load);
  const { replicas, residents = [] } = state.snapshot.nodes.get(node) ?? {};
  const isWake = replicas?.get(model)?.status === 'sleeping';
  const facts = state.facts.of(node, model);
  facts.yieldsTo = undefined;
  facts.shares = devices.length > 1 ? sharesOf(state, node, fit) : undefined;
  const byNode = state.reservations.get(model) ?? new Map<string, Reservation>();
  byNode.set(node, {
    model,
    node,
    devices,
    takesMib,
    isWake,
    startedMs: state.nowMs,
    wantedUntilMs: -Infinity,
    measuredFromMs: !isWake && mayDownload(state, node, model) ? undefined : state.nowMs,
    settings: state.snapshot.catalogue.get(model),
    residents: new Map(
      residents.map(({ model: id, generation, status }) => [id, { generation, status }]),
    ),
    leaving: new Map(
      fit.victims.map((victim) => [victim.model, replicas?.get(victim.model)?.status ?? 'loaded']),
    ),
    isDetached,
    isCancelled: false,
    record,
  });
  state.reservations.set(model, byNode);
  for (const victim of fit.victims) {
    state.facts.of(node, victim.model).yieldsTo = model;
    state.fleet.apply({
      kind: 'model_status',
      node,
      model: victim.model,
      status: 'unloading',
      atMs: state.nowMs,
    });
    state.dirty.add(victim.model);
  }
  state.fleet.apply({ kind: 'load_started', node, model, atMs: state.nowMs });
  const after = fit.victims.map(({ by, model: victim, generation, keepsMib }) => ({
    by,
    model: victim,
    ifGeneration: generation,
    keepsMib,
  }));
  actions.push({ kind: 'load', model, node, devices, after, limitMib, isDetached, record });
}

/**
 * Waits for a load that somebody else started: the node keeps it only while somebody does. It is not ours to measure.
 */
export function joinLoad(
  state: DecideState,
  {
    model,
    node,
    isDetached,
  }: { readonly model: string; readonly node: string; readonly isDetached: boolean },
  actions: Action[],
): void {
  if (state.reservation(node, model)) return;
  const record = {
    model,
    node,
    candidates: [],
    victims: [],
    needMib: undefined,
    why: 'joined',
  } as const;
  const set = { devices: [], needMib: undefined } as const;
  const fit = { set, victims: [], cost: 0, freeMib: 0, isWaiting: false };
  startLoad(state, { node, model, fit, record, isDetached }, actions);
}

function forget(
  state: DecideState,
  { model, node }: { model: string; node: string },
): Reservation | undefined {
  const byNode = state.reservations.get(model);
  const reservation = byNode?.get(node);
  byNode?.delete(node);
  if (byNode?.size === 0) state.reservations.delete(model);
  return reservation;
}

const STATUS_AFTER = { unloaded: 'unloaded', slept: 'sleeping' } as const;

/** A victim stays: it is as before, unless its node has reported since that it sleeps. */
function stays(
  state: DecideState,
  { node, model, before }: { node: string; model: string; before: string },
): void {
  const now = state.snapshot.nodes.get(node)?.replicas.get(model)?.status;
  const status = now === 'sleeping' ? now : before;
  state.fleet.apply({ kind: 'model_status', node, model, status, atMs: state.nowMs });
}

/** A victim left, or stays after all. The node has reported what one keeps that fell asleep. */
export function unloadEnded(
  state: DecideState,
  { node, model, outcome }: Omit<Extract<DecideEvent, { kind: 'unload_ended' }>, 'kind'>,
  actions: Action[],
): void {
  const facts = state.facts.find(node, model);
  const newcomer = facts?.yieldsTo;
  const reservation = newcomer === undefined ? undefined : state.reservation(node, newcomer);
  const before = reservation?.leaving.get(model);
  reservation?.leaving.delete(model);
  if (reservation?.measuredFromMs !== undefined) reservation.measuredFromMs = state.nowMs;
  if (facts) {
    facts.yieldsTo = undefined;
    facts.isReplaced = false;
  }
  if (facts && outcome !== 'kept') facts.loadedAtMs = undefined;
  const reported = state.snapshot.nodes.get(node)?.replicas.get(model);
  if (outcome === 'slept' && reported) noteAsleep(state, reported);
  state.dirty.add(model);
  if (outcome === 'kept') {
    // Without a plan it has its state already.
    state.reloads.delete(model);
    if (before !== undefined) stays(state, { node, model, before });
    actions.push({ kind: 'poll', node });
    return;
  }
  const status = STATUS_AFTER[outcome];
  state.fleet.apply({ kind: 'model_status', node, model, status, atMs: state.nowMs });
  memoryChanged(state, node);
}

export function loadEnded(
  state: DecideState,
  { node, model, outcome }: { node: string; model: string; outcome: LoadOutcome },
  actions: Action[],
): void {
  const reservation = forget(state, { model, node });
  const atMs = state.nowMs;
  for (const [victim, before] of reservation?.leaving ?? []) {
    const facts = state.facts.find(node, victim);
    if (facts?.yieldsTo === model) facts.yieldsTo = undefined;
    stays(state, { node, model: victim, before });
    state.dirty.add(victim);
  }
  state.dirty.add(model);
  if (outcome.kind === 'loaded') {
    state.fleet.apply({ kind: 'load_ended', node, model, result: { kind: 'loaded' }, atMs });
    state.facts.of(node, model).loadedAtMs = atMs;
    if (reservation && reservation.record.why !== 'joined') noteLoad(state, reservation);
    state.backOff.clear(node, model);
    memoryChanged(state, node);
    return;
  }
  const isOutdated = reservation !== undefined && !hasSameSettings(state, reservation);
  const isTaken =
    outcome.kind === 'failed' && outcome.isOutOfMemory === true && isRoomTaken(state, reservation);
  if (
    outcome.kind === 'failed' &&
    !isOutdated &&
    !isTaken &&
    !learnsNeed(state, { node, model, needMib: outcome.needMib })
  ) {
    state.fleet.apply({ kind: 'load_ended', node, model, result: outcome, atMs });
    state.backOff.record(node, model, outcome);
  } else {
    state.fleet.apply({ kind: 'load_ended', node, model, result: { kind: 'cancelled' }, atMs });
  }
  if (outcome.kind !== 'cancelled') actions.push({ kind: 'poll', node });
  memoryChanged(state, node);
}

/** Whether another cortex has loaded a model there since the plan, a victim of it for one: no failure of this model. */
function isRoomTaken(state: DecideState, reservation: Reservation | undefined): boolean {
  if (reservation === undefined) return false;
  const { node, residents } = reservation;
  const now = state.snapshot.nodes.get(node)?.residents ?? [];
  return now.some(({ model, generation, status }) => {
    if (model === reservation.model || state.reservation(node, model)) return false;
    const before = residents.get(model);
    // The generation of a model changes only when its load has ended.
    const isBegun = before && stateTraits(status).underWay && !stateTraits(before.status).underWay;
    return before === undefined || before.generation !== generation || isBegun === true;
  });
}

/** A load that ran out of memory is tried again at once with the larger need (rule 30); false: it said nothing new. */
function learnsNeed(
  state: DecideState,
  { node, model, needMib }: { node: string; model: string; needMib: number | undefined },
): boolean {
  const facts = state.facts.of(node, model);
  if (needMib === undefined || needMib <= (facts.needMib ?? 0)) return false;
  facts.needMib = needMib;
  return true;
}
