/** The end of a request on a replica: what the fleet learns from it. */
import type { DecideState } from './decide-state.ts';
import type { Action, DecideEvent } from './events.ts';
import { isBusy } from './evictable.ts';
import type { LeaseEntry } from './lease-table.ts';
import { memoryChanged } from './replan.ts';

type LeaseEnded = Extract<DecideEvent, { kind: 'lease_ended' }>;

export function leaseEnded(
  state: DecideState,
  { leaseId, outcome }: LeaseEnded,
  actions: Action[],
): void {
  const lease = state.leases.end(leaseId);
  if (!lease) return;
  const { model, node, affinityKey } = lease;
  const { nowMs } = state;
  const { holdMs } = state.settings;
  const facts = state.facts.of(node, model);
  facts.lastUsedMs = nowMs;
  if (affinityKey !== undefined && state.sessions.answered(affinityKey, model, { nowMs, holdMs })) {
    facts.heldUntilMs = nowMs + holdMs;
  }
  if (outcome?.kind === 'failed' || state.circuits.has(node)) {
    noteOutcome(state, lease, outcome, actions);
  }
  if (state.queues.has(model)) state.dirty.add(model);
  const replica = state.snapshot.nodes.get(node)?.replicas.get(model);
  if (state.blockedBy.has(node) && replica && !isBusy(state, replica)) memoryChanged(state, node);
}

/** A request that takes no slot, such as for a tokenizer, says nothing about whether the node answers others. */
function noteOutcome(
  state: DecideState,
  lease: LeaseEntry,
  outcome: LeaseEnded['outcome'],
  actions: Action[],
): void {
  const { node, model, weight } = lease;
  const known = state.snapshot.nodes.get(node);
  // What fails because its node is down, or its model is gone, needs no circuit.
  const counts = weight > 0 && known?.state === 'up' && known.replicas.has(model);
  if (outcome && counts) actions.push(...state.circuits.ended(lease, outcome, state.nowMs));
  else state.circuits.freeProbe(lease);
}
