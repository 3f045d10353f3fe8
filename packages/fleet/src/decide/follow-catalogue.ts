/** What a change of models.toml means for models that are loaded (contracts, section 4). */
import { stateTraits } from '@cortex/protocol';

import { changedResidency, configMismatch } from '../catalogue-changes.ts';
import type { NodeSnapshot, Replica } from '../snapshot.ts';
import type { DecideState } from './decide-state.ts';
import type { Action } from './events.ts';
import { isBusy, turnEndsMs } from './evictable.ts';
import { noteNext } from './replan.ts';

/** Pause before a model is replaced after its node refused to unload it. */
const AGAIN_MS = 10_000;
/** Pause before a node is told TTL and pin again: the call failed, or another cortex has changed them. */
const TELL_AGAIN_MS = 60_000;

/** Whether `followCatalogue` may have something to do for the model on the node. */
export const isBehindCatalogue = (
  { snapshot }: DecideState,
  node: NodeSnapshot,
  model: string,
): boolean =>
  configMismatch(snapshot, node, model)?.isDefaultModel === false ||
  changedResidency(snapshot, node, model) !== undefined;

/** When the replica may be replaced; undefined: an event will tell. */
function replaceableAtMs(state: DecideState, replica: Replica): number | undefined {
  const { node, model } = replica;
  const facts = state.facts.find(node, model);
  const isPlanned = facts?.yieldsTo !== undefined || state.reservation(node, model) !== undefined;
  if (!replica.isReady || isPlanned || facts?.isReplaced === true) return undefined;
  if (isBusy(state, replica)) return undefined;
  return Math.max(
    turnEndsMs(state, replica),
    facts?.heldUntilMs ?? -Infinity,
    facts?.replacedAtMs === undefined ? -Infinity : facts.replacedAtMs + AGAIN_MS,
  );
}

/** Unloads the replica, which gets no more requests; the next load has the new settings. */
function replace(
  state: DecideState,
  { node, model, generation }: Replica,
  actions: Action[],
): void {
  const { nowMs } = state;
  const facts = state.facts.of(node, model);
  facts.isReplaced = true;
  facts.replacedAtMs = nowMs;
  // Requests would not load it again.
  if (state.snapshot.catalogue.get(model)?.load === 'manual') state.reloads.add(model);
  state.fleet.apply({ kind: 'model_status', node, model, status: 'unloading', atMs: nowMs });
  actions.push({ kind: 'replace', model, node, ifGeneration: generation });
}

function followResidency(state: DecideState, node: NodeSnapshot, model: string): Action[] {
  const entry = state.snapshot.catalogue.get(model);
  const residency = changedResidency(state.snapshot, node, model);
  if (!entry || !residency) return [];
  const told = state.facts.find(node.name, model)?.residencyTold;
  const againMs = told?.entry === entry ? told.atMs + TELL_AGAIN_MS : -Infinity;
  // An idle model gives no other reason to look again.
  const isTold = againMs > state.nowMs;
  noteNext(state, model, isTold ? againMs : state.nowMs + TELL_AGAIN_MS);
  if (isTold) return [];
  state.facts.of(node.name, model).residencyTold = { entry, atMs: state.nowMs };
  return [{ kind: 'set_residency', model, node: node.name, residency }];
}

/** Tells nodes new TTLs and pins at once, and replaces loaded models with other settings when they are idle, one at a time. */
export function followCatalogue(state: DecideState, model: string, actions: Action[]): void {
  if (!state.snapshot.catalogue.has(model)) return;
  const replicas = state.snapshot.replicasByModel.get(model) ?? [];
  const isChanging = replicas.some(
    ({ isNodeUp, status }) => isNodeUp && stateTraits(status).transient,
  );
  for (const replica of replicas) {
    const node = state.snapshot.nodes.get(replica.node);
    if (node?.state !== 'up') continue;
    const mismatch = configMismatch(state.snapshot, node, model);
    if (!mismatch) actions.push(...followResidency(state, node, model));
    if (mismatch?.isDefaultModel !== false || isChanging) continue;
    const atMs = replaceableAtMs(state, replica);
    if (atMs === undefined) continue;
    if (atMs <= state.nowMs) return replace(state, replica, actions);
    noteNext(state, model, atMs);
  }
}
