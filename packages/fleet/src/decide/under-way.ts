/** What brings a model that requests wait for. */
import { stateTraits } from '@cortex/protocol';

import type { Replica } from '../snapshot.ts';
import type { DecideState } from './decide-state.ts';
import { loadMs, needMib } from './need.ts';
import type { UnderWay } from './record.ts';
import { hostThatWakes } from './wake.ts';

interface WaitQuestion {
  readonly model: string;
  /** The only node; undefined: any. */
  readonly node?: string | undefined;
}

/** How long such a load took before, as far as it was measured. */
function usualMs(state: DecideState, { node, model }: Replica, isWake: boolean) {
  const facts = state.facts.find(node, model);
  if (isWake) return facts?.wakeMs;
  const isKnown = state.speeds.has(node) && needMib(state, node, model) !== undefined;
  return facts?.loadMs ?? (isKnown ? loadMs(state, node, model) : undefined);
}

/** What the node says, else what the progress says, else what is left of the time that such loads took. */
function etaMsOf(state: DecideState, replica: Replica): number | undefined {
  const { node, model, status, progress = 0, etaS } = replica;
  if (etaS !== undefined) return etaS * 1000;
  const reservation = state.reservation(node, model);
  // Only the node knows when a load began that cortex has joined.
  if (!reservation || reservation.record.why === 'joined') return undefined;
  const elapsedMs = state.nowMs - reservation.startedMs;
  if (progress > 0) return (elapsedMs * (1 - progress)) / progress;
  if (status === 'pulling') return undefined;
  const leftMs = (usualMs(state, replica, reservation.isWake) ?? 0) - elapsedMs;
  return leftMs > 0 ? leftMs : undefined;
}

/** What requests for the model wait for; undefined: nothing brings it now. */
export function underWay(state: DecideState, { model, node }: WaitQuestion): UnderWay | undefined {
  const coming = state.snapshot.replicasByModel
    .get(model)
    ?.find(
      (replica) =>
        replica.isNodeUp &&
        stateTraits(replica.status).underWay &&
        (node === undefined || replica.node === node),
    );
  if (coming) {
    const { status, progress } = coming;
    return { state: status, node: coming.node, progress, etaMs: etaMsOf(state, coming) };
  }
  const host = hostThatWakes(state, { model, node });
  return host && { state: 'waking', node: host.name, etaMs: host.untilMs - state.nowMs };
}
