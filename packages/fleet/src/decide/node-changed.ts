/** What a change of a node means for what was decided. */
import { memoryOf } from '../node-devices.ts';
import type { NodeSnapshot } from '../snapshot.ts';
import type { DecideState } from './decide-state.ts';
import { noteForeignClaims } from './claims.ts';
import { forgetEstimatesOf } from './estimates.ts';
import type { Action } from './events.ts';
import { noteSpeed } from './expected-speed.ts';
import { isBehindCatalogue } from './follow-catalogue.ts';
import { loadEnded, releaseClaim } from './loads.ts';
import { noteAsleep, notePulls } from './need.ts';
import { dirtyAll, memoryChanged } from './replan.ts';

/** Marks the models whose plan may change, and ends what a node that went down does not end by itself. */
export function nodeChanged(
  state: DecideState,
  { before, after }: { before: NodeSnapshot; after: NodeSnapshot },
  actions: Action[],
): void {
  const node = after.name;
  if (before.state !== after.state) {
    if (after.state === 'up') state.waking.delete(node);
    else loseNode(state, node, actions);
    dirtyAll(state);
  }
  const isMemory =
    before.residents !== after.residents ||
    before.devices !== after.devices ||
    before.isDraining !== after.isDraining;
  if (isMemory) {
    if (spareMib(after) > spareMib(before)) {
      for (const model of state.backOff.memoryFreed(node)) state.dirty.add(model);
    }
    memoryChanged(state, node);
    for (const model of state.preloads) state.dirty.add(model);
  }
  const hasClaims = state.foreignClaims.has(node) || (after.health?.claims?.length ?? 0) > 0;
  if (hasClaims) noteForeignClaims(state, after);
  if (before.replicas === after.replicas) return;
  notePulls(state, after);
  state.circuits.keepModels(node, after.replicas);
  for (const model of state.queues.keys()) {
    if (before.replicas.get(model) !== after.replicas.get(model)) state.dirty.add(model);
  }
  for (const replica of after.residents) {
    const { model, generation } = replica;
    const known = before.replicas.get(model);
    if (known !== replica) {
      noteSpeed(state, after, replica);
      noteAsleep(state, replica);
      if (isBehindCatalogue(state, after, model)) state.dirty.add(model);
    }
    // A model that was loaded again, or by another cortex, starts its turn now.
    if (known?.generation === generation || state.reservation(node, model)) continue;
    state.facts.of(node, model).loadedAtMs = undefined;
  }
}

/** MiB that models may use and none holds. */
function spareMib({ devices, residents }: NodeSnapshot): number {
  let spare = 0;
  for (const { totalMib, reservedMib, foreignMib } of devices) {
    spare += totalMib - reservedMib - foreignMib;
  }
  for (const resident of residents) spare -= memoryOf(resident) ?? 0;
  return spare;
}

/** Loads on a node that went down will not end by themselves. */
function loseNode(state: DecideState, node: string, actions: Action[]): void {
  releaseClaim(state, node);
  forgetEstimatesOf(state, node);
  state.circuits.forgetNode(node);
  for (const model of state.reservations.keys()) {
    if (!state.reservation(node, model)) continue;
    actions.push({ kind: 'cancel_load', model, node });
    loadEnded(state, { node, model, outcome: { kind: 'cancelled' } }, actions);
  }
}
