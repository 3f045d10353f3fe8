/** What models need that nobody has measured: a node that has the file is asked before the first load. */
import { permanentLack } from '../feasibility.ts';
import type { FleetSnapshot } from '../snapshot.ts';
import type { DecideState, Estimate } from './decide-state.ts';
import type { Action, DecideEvent } from './events.ts';
import { mostMib } from './fit-node.ts';
import { isAutomatic, measuredMib } from './need.ts';

/** So many nodes are asked. If none can say, the model is loaded all the same: its node refuses what does not fit. */
const MAX_ASKED = 3;
/** Nodes choose the names of their models, so the table is bounded; the oldest go. */
const MAX_MODELS = 10_000;

/**
 * The next node to ask: one that has the file, else one that can get it. Once one has answered, only those with the file
 * that are too small for the answer: with automatic settings they need less.
 */
function nextNode(state: DecideState, model: string, { asked, mib }: Estimate): string | undefined {
  let other: string | undefined;
  for (const node of state.snapshot.nodes.values()) {
    if (node.state !== 'up' || asked.has(node.name)) continue;
    if (permanentLack(state.snapshot, node, model) !== undefined) continue;
    if (mib !== undefined && mostMib(state, node, model) >= mib) continue;
    if (node.replicas.get(model)?.onDisk === true) return node.name;
    if (mib === undefined) other ??= node.name;
  }
  return other;
}

/** Asks what the model needs if that is not known; true: its load has to wait for the answer. */
export function awaitsEstimate(state: DecideState, model: string, actions: Action[]): boolean {
  const known = state.estimates.get(model) ?? {
    asked: new Set(),
    awaited: undefined,
    mib: undefined,
    mostMib: undefined,
    isStale: false,
  };
  if (known.awaited !== undefined) return true;
  const isKnown = known.mib !== undefined || measuredMib(state, model) !== undefined;
  if (isKnown && (known.mib === undefined || !isAutomatic(state, model))) return false;
  const node = known.asked.size < MAX_ASKED ? nextNode(state, model, known) : undefined;
  if (node === undefined) return false;
  known.asked.add(node);
  known.awaited = node;
  state.estimates.delete(model);
  state.estimates.set(model, known);
  const [oldest] = state.estimates.keys();
  if (state.estimates.size > MAX_MODELS && oldest !== undefined) state.estimates.delete(oldest);
  actions.push({ kind: 'estimate', model, node });
  return true;
}

/** A node has answered, or could not. */
export function estimated(
  state: DecideState,
  { node, model, mib, mostMib }: Omit<Extract<DecideEvent, { kind: 'estimated' }>, 'kind'>,
): void {
  const known = state.estimates.get(model);
  if (known?.awaited !== node) return;
  state.dirty.add(model);
  if (known.isStale) {
    state.estimates.delete(model);
    return;
  }
  known.awaited = undefined;
  if (mib !== undefined) known.mib = Math.min(mib, known.mib ?? mib);
  if (mostMib !== undefined) known.mostMib = Math.max(mostMib, known.mostMib ?? mostMib);
  if (mib !== undefined) state.facts.of(node, model).needMib ??= mib;
}

/** A node that is gone answers nothing. */
export function forgetEstimatesOf(state: DecideState, node: string): void {
  for (const [model, known] of state.estimates) {
    if (known.awaited !== node) continue;
    known.awaited = undefined;
    if (known.isStale) state.estimates.delete(model);
    state.dirty.add(model);
  }
}

/** What is known of a model was so for its settings. Of the others, nodes that could not say are asked again. */
export function forgetChanged(state: DecideState, before: FleetSnapshot['catalogue']): void {
  const { catalogue } = state.snapshot;
  const changed = new Set<string>();
  for (const model of new Set([...before.keys(), ...catalogue.keys()])) {
    if (Bun.deepEquals(before.get(model), catalogue.get(model))) continue;
    changed.add(model);
    state.facts.forgetMeasured(model);
    state.dirty.add(model);
    state.reloads.delete(model);
    state.dismissed.delete(model);
  }
  for (const [model, known] of state.estimates) {
    if (known.awaited !== undefined) known.isStale ||= changed.has(model);
    else if (known.mib === undefined || changed.has(model)) state.estimates.delete(model);
  }
}
