/** Room that is kept for a starving model, as nodes and the other cortexes in front of them know of it (rule 35). */
import { MAX_CLAIM_S, stateTraits } from '@cortex/protocol';

import type { NodeSnapshot } from '../snapshot.ts';
import type { DecideState, ForeignClaim } from './decide-state.ts';
import type { Action } from './events.ts';
import { memoryChanged, noteNext } from './replan.ts';

/** Nodes forget a claim that they are not told again. */
const RETELL_MS = 5000;

/** Tells nodes what is claimed now, again until the victims have left, and what is not claimed any more. */
export function tellClaims(state: DecideState, actions: Action[]): void {
  const { claims, toldClaims } = state;
  for (const [node, model] of claims) {
    const residents = state.snapshot.nodes.get(node)?.residents ?? [];
    const from = residents
      .map((resident) => resident.model)
      .filter((resident) => state.facts.find(node, resident)?.yieldsTo === model);
    tell(state, { node, model, from }, actions);
  }
  for (const [node, { model, from }] of toldClaims) {
    if (claims.has(node)) continue;
    const reservation = state.reservation(node, model);
    if (reservation && reservation.leaving.size > 0) tell(state, { node, model, from }, actions);
    if (reservation) continue;
    toldClaims.delete(node);
    actions.push({ kind: 'release_claim', node, model });
  }
}

/** Tells a node what is claimed, if that is new to it or was told some time ago. */
function tell(
  state: DecideState,
  { node, model, from }: { node: string; model: string; from: readonly string[] },
  actions: Action[],
): void {
  const { toldClaims, nowMs } = state;
  const told = toldClaims.get(node);
  const isKnown = told?.model === model && told.from.join('\n') === from.join('\n');
  const dueMs = isKnown ? told.atMs + RETELL_MS : nowMs;
  if (dueMs > nowMs) return noteNext(state, model, dueMs);
  toldClaims.set(node, { model, from, atMs: nowMs });
  actions.push({ kind: 'claim', node, model, from });
  return noteNext(state, model, nowMs + RETELL_MS);
}

/**
 * Claims of others that came before our own, or are for the same model, while their model does not serve there. A load
 * that has just begun may not have its memory yet.
 */
function foreignIn(state: DecideState, node: NodeSnapshot): readonly ForeignClaim[] {
  const { name, health, replicas, reportedAtMs } = node;
  if (node.state !== 'up') return [];
  const own = state.claims.get(name);
  const found: ForeignClaim[] = [];
  let isBehindOwn = false;
  for (const { owner, model, from, remaining_s: remainingS } of health?.claims ?? []) {
    if (owner === state.owner) {
      isBehindOwn = own === model;
      continue;
    }
    const { serves } = stateTraits(replicas.get(model)?.status ?? 'unloaded');
    if (serves || (isBehindOwn && model !== own)) continue;
    found.push({ model, from, untilMs: reportedAtMs + Math.min(remainingS, MAX_CLAIM_S) * 1000 });
  }
  return found;
}

const keyOf = (claims: readonly ForeignClaim[]): string =>
  JSON.stringify(claims.map(({ model, from }) => [model, from]));

/** Notes what a node says of the claims of others, and what its models make of them. */
export function noteForeignClaims(state: DecideState, node: NodeSnapshot): void {
  const { name } = node;
  const before = state.foreignClaims.get(name) ?? [];
  const now = foreignIn(state, node);
  if (now.length > 0) state.foreignClaims.set(name, now);
  else state.foreignClaims.delete(name);
  if (keyOf(before) === keyOf(now)) return;
  for (const model of [...before, ...now].flatMap(({ from }) => from)) state.dirty.add(model);
  memoryChanged(state, name);
}

/** The model may be planned anew when claims of others end by themselves. */
export function noteClaimEnds(state: DecideState, model: string): void {
  for (const claims of state.foreignClaims.values())
    for (const { untilMs } of claims) noteNext(state, model, untilMs);
}
