/** The decisions of the fleet: events in, actions out. */
import type { FleetEvent } from '../fleet-event.ts';
import { chooseReady } from '../choose-ready.ts';
import { tooMany } from './come-back.ts';
import { type DecideState, REACHED } from './decide-state.ts';
import type { Action, DecideEvent, FleetRequest } from './events.ts';
import { tellClaims } from './claims.ts';
import { estimated, forgetChanged, forgetEstimatesOf } from './estimates.ts';
import { grant } from './grant.ts';
import { leaseEnded } from './lease-ended.ts';
import { loadEnded, releaseClaim, unloadEnded } from './loads.ts';
import { nodeChanged } from './node-changed.ts';
import { pass, waiterOf } from './pass.ts';
import { dirtyAll, noteNext } from './replan.ts';
import { cancelUnwanted } from './unwanted-loads.ts';
import { WaitingQueue } from './waiting-queue.ts';

/**
 * Applies an event to the state, in place, and returns what has to be done. Deterministic: the same events give the
 * same actions. What an action leads to is the next event.
 *
 * @param nowMs - Monotonic, never less than in the call before.
 */
export function decide(state: DecideState, event: DecideEvent, nowMs: number): readonly Action[] {
  state.nowMs = nowMs;
  state.context.nowMs = nowMs;
  state.backOff.at(nowMs);
  const actions: Action[] = [];
  if (event.kind === 'arrived') {
    // Most requests end here: a replica is ready and nobody waits.
    if (arrived(state, event.request, actions)) return actions;
  } else {
    apply(state, event, actions);
  }
  settle(state, actions);
  return actions;
}

/** True when nothing else can have changed. */
function arrived(state: DecideState, request: FleetRequest, actions: Action[]): boolean {
  const { model, id } = request;
  const queue = state.queues.get(model);
  if (!queue && request.weight > 0) {
    const choice = chooseReady(state.snapshot, request, state.context);
    if (choice.kind === 'node') {
      grant(state, request, choice, actions);
      return true;
    }
  }
  const waitingCount = queue?.size ?? 0;
  if (request.weight > 0 && waitingCount >= state.settings.maxWaiting) {
    actions.push({ kind: 'refuse', requestId: id, model, refusal: tooMany(state, request) });
    return true;
  }
  const waiting = queue ?? new WaitingQueue();
  const waiter = waiterOf(state, request);
  // Behind a request that may use any node and waits, this one waits as well; only its deadline is new.
  const isFree = request.weight > 0 && request.node === undefined && request.tried.length === 0;
  const isBehind = isFree && waiting.hasFree;
  waiting.add(waiter, state.nowMs);
  state.queues.set(model, waiting);
  if (isBehind && waiting.deadlineMs > state.nowMs) noteNext(state, model, waiting.deadlineMs);
  else state.dirty.add(model);
  return false;
}

function apply(
  state: DecideState,
  event: Exclude<DecideEvent, { kind: 'arrived' }>,
  actions: Action[],
): void {
  switch (event.kind) {
    case 'left':
      left(state, event, actions);
      return;
    case 'lease_ended':
      leaseEnded(state, event, actions);
      return;
    case 'lease_answers': {
      const lease = state.leases.get(event.leaseId);
      if (lease) state.circuits.freeProbe(lease);
      return;
    }
    case 'load_ended':
      loadEnded(state, event, actions);
      return;
    case 'unload_ended':
      unloadEnded(state, event, actions);
      return;
    case 'estimated':
      estimated(state, event);
      return;
    case 'wake_failed':
      state.waking.set(event.node, state.nowMs);
      dirtyAll(state);
      return;
    case 'operator_load':
      state.operatorLoads.set(event.callId, event);
      state.dismissed.delete(event.model);
      state.dirty.add(event.model);
      return;
    case 'operator_unload':
      state.dismissed.add(event.model);
      state.reloads.delete(event.model);
      return;
    case 'operator_unload_failed':
      state.dismissed.delete(event.model);
      state.dirty.add(event.model);
      return;
    case 'time':
      state.timerAtMs = Infinity;
      for (const [model, atMs] of state.nextMs) if (atMs <= state.nowMs) state.dirty.add(model);
      return;
    case 'config_changed':
      configure(state, event, actions);
      return;
    case 'node_reported':
    case 'node_missed':
    case 'base_paths_known':
    case 'model_changed':
    case 'model_status':
    case 'model_full':
    case 'model_gone':
    case 'devices_changed':
    case 'draining_changed':
    case 'load_progress':
      report(state, event, actions);
  }
}

function left(
  state: DecideState,
  { model, requestId }: { model: string; requestId: string },
  actions: Action[],
): void {
  const queue = state.queues.get(model);
  if (!queue?.remove(requestId)) return;
  cancelUnwanted(state, model, actions);
  state.dirty.add(model);
}

function configure(
  state: DecideState,
  { config, settings }: Extract<DecideEvent, { kind: 'config_changed' }>,
  actions: Action[],
): void {
  const before = state.snapshot;
  state.settings = settings;
  state.context.routing = { policy: settings.policy, loadFactor: settings.affinityLoadFactor };
  state.fleet.apply({ kind: 'config_changed', config, atMs: state.nowMs });
  for (const [name, node] of before.nodes) {
    if (state.snapshot.nodes.get(name)?.endpoint === node.endpoint) continue;
    forgetNode(state, name, actions);
  }
  // What failed may have failed because of the configuration.
  state.backOff.forgetAll();
  // Cards may be gone from the fleet, and the settings with which others reached their part.
  state.reachedRatio = REACHED;
  forgetChanged(state, before.catalogue);
  state.preloads = config.catalogue.filter(({ preload }) => preload === true).map(({ id }) => id);
  dirtyAll(state);
}

/** A node that was removed or replaced leaves nothing behind (behaviour 19). */
function forgetNode(state: DecideState, name: string, actions: Action[]): void {
  releaseClaim(state, name);
  state.toldClaims.delete(name);
  state.foreignClaims.delete(name);
  state.leases.forgetNode(name);
  state.facts.forgetNode(name);
  state.speeds.delete(name);
  state.bandwidths.delete(name);
  state.waking.delete(name);
  forgetEstimatesOf(state, name);
  state.backOff.forgetNode(name);
  state.circuits.forgetNode(name);
  for (const [model, byNode] of state.reservations) {
    if (!byNode.delete(name)) continue;
    actions.push({ kind: 'cancel_load', model, node: name });
    if (byNode.size === 0) state.reservations.delete(model);
  }
}

function report(
  state: DecideState,
  event: Exclude<FleetEvent, { kind: 'config_changed' }>,
  actions: Action[],
): void {
  const before = state.snapshot.nodes.get(event.node);
  const { pendingNodes } = state.snapshot;
  if (!state.fleet.apply(event)) return;
  // What waits for a first answer may wait no longer.
  if (state.snapshot.pendingNodes !== pendingNodes) dirtyAll(state);
  const after = state.snapshot.nodes.get(event.node);
  if (!before || !after) return;
  if (event.kind === 'node_reported') {
    const models = state.backOff.nodeAnswered(event.node, event.sentMs);
    for (const model of models) state.dirty.add(model);
  }
  nodeChanged(state, { before, after }, actions);
}

/** The model whose oldest request has waited longest; of equals the first by name. */
function longestWaiting({ dirty, queues }: DecideState): string | undefined {
  let found: string | undefined;
  let foundMs = Infinity;
  for (const model of dirty) {
    const oldestMs = queues.get(model)?.oldestMs ?? Infinity;
    if (found !== undefined && (oldestMs > foundMs || (oldestMs === foundMs && model > found)))
      continue;
    found = model;
    foundMs = oldestMs;
  }
  return found;
}

/** A pass that makes another one necessary ends in a few rounds; the bound keeps a mistake from hanging the process. */
const MAX_PASSES = 8;

/** Plans every model whose plan may have changed, the longest waiting first, until nothing changes. */
function settle(state: DecideState, actions: Action[]): void {
  const passes = new Map<string, number>();
  for (let model = longestWaiting(state); model !== undefined; model = longestWaiting(state)) {
    state.dirty.delete(model);
    const count = (passes.get(model) ?? 0) + 1;
    passes.set(model, count);
    if (count <= MAX_PASSES) pass(state, model, actions);
  }
  tellClaims(state, actions);
  armTimer(state, actions);
}

function armTimer(state: DecideState, actions: Action[]): void {
  let atMs = Infinity;
  for (const nextMs of state.nextMs.values()) atMs = Math.min(atMs, nextMs);
  // A timer that comes too early costs nothing; one that nobody needs is cancelled.
  if (atMs === state.timerAtMs || (atMs > state.timerAtMs && atMs < Infinity)) return;
  state.timerAtMs = atMs;
  actions.push({ kind: 'timer', atMs: Math.max(atMs, state.nowMs) });
}
