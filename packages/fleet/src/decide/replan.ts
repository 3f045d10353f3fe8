/** Notes of what makes a plan out of date: a moment, or a change on a node. */
import type { DecideState } from './decide-state.ts';

/** The answer for the model may change at `atMs` without an event. */
export function noteNext(state: DecideState, model: string, atMs: number): void {
  // A moment that has passed brings nothing new.
  if (atMs <= state.nowMs) return;
  if (atMs < (state.nextMs.get(model) ?? Infinity)) state.nextMs.set(model, atMs);
}

/** The answer for the model may change when memory of one of these nodes does. */
export function noteBlocked(state: DecideState, model: string, nodes: readonly string[]): void {
  for (const node of nodes) {
    const models = state.blockedBy.get(node);
    if (models) models.add(model);
    else state.blockedBy.set(node, new Set([model]));
  }
}

/** Marks the models whose plan may change because memory of the node did. */
export function memoryChanged(state: DecideState, node: string): void {
  const models = state.blockedBy.get(node);
  if (!models) return;
  for (const model of models) state.dirty.add(model);
  state.blockedBy.delete(node);
}

/** Marks every model that somebody or something wants. */
export function dirtyAll(state: DecideState): void {
  for (const model of state.queues.keys()) state.dirty.add(model);
  for (const { model } of state.operatorLoads.values()) state.dirty.add(model);
  for (const model of state.preloads) state.dirty.add(model);
}
