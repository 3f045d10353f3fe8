import { stateTraits } from '@cortex/protocol';

import { replicaLoad } from '../replica-load.ts';
import type { NodeSnapshot, Replica } from '../snapshot.ts';
import type { DecideState } from './decide-state.ts';
import { backMs, comingMs } from './need.ts';

/** An idle model is half as likely to be asked for again after so long. */
const HALF_WANTED_MS = 600_000;

/** A model that wants room. */
export interface Newcomer {
  readonly model: string;
  readonly priority: number;
  /** Arrival of the oldest request that waits for it; undefined: nobody waits. */
  readonly oldestMs: number | undefined;
  /** The operator wants it: what is in its way has no protection. */
  readonly isUrgent: boolean;
}

/** Whether a model may be evicted for a newcomer now. */
export type Eviction =
  | { readonly kind: 'allowed'; readonly starved: boolean }
  /** Only once it is idle. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'protected'; readonly why: 'turn' | 'held'; readonly untilMs: number }
  /** Not in the state that it has. `own`: it is the newcomer itself. */
  | { readonly kind: 'never'; readonly why: WhyNever };

type WhyNever = 'own' | 'pinned' | 'priority' | 'coming' | 'recovering' | 'leaving';

/** Why a replica is not to be evicted, whatever its use; undefined: it may be. */
function neverWhy(state: DecideState, replica: Replica, newcomer: Newcomer): WhyNever | undefined {
  const { node, model, status } = replica;
  const isComing = stateTraits(status).underWay;
  const isResident = status === 'loaded' || status === 'sleeping';
  if (model === newcomer.model) return 'own';
  if (state.leavingTo(node, model) !== undefined) return 'leaving';
  if (!isResident && !isComing && status !== 'recovering') return 'leaving';
  if (isPinnedThere(state, replica)) return 'pinned';
  if (residencyPriorityOf(state, model) > newcomer.priority) return 'priority';
  if (isComing) return 'coming';
  return isResident ? undefined : 'recovering';
}

/** Whether it stays there for a newcomer until somebody else takes it away. */
export const staysFor = (state: DecideState, { model }: Replica, why: WhyNever): boolean =>
  why === 'pinned' ||
  (why === 'priority' && (state.snapshot.catalogue.get(model)?.ttlS ?? 0) === 0);

/** Absent: 100 (contracts, section 4). */
export const residencyPriorityOf = (state: DecideState, model: string): number =>
  state.snapshot.catalogue.get(model)?.residencyPriority ?? 100;

export const newcomerOf = (state: DecideState, model: string, isUrgent: boolean): Newcomer => ({
  model,
  priority: residencyPriorityOf(state, model),
  oldestMs: isUrgent ? -Infinity : state.queues.get(model)?.first?.request.arrivedMs,
  isUrgent,
});

/** When the wait of a newcomer makes what is in its way on that node give way (rule 35). */
export function starvesAtMs(
  state: DecideState,
  node: string,
  { model, oldestMs }: Newcomer,
): number {
  if (oldestMs === undefined) return Infinity;
  return oldestMs + Math.max(state.settings.starveMs, 3 * comingMs(state, node, model));
}

/** When the turn of a model ends, which nobody of equal priority cuts short (rules 32, 35). */
export function turnEndsMs(state: DecideState, replica: Replica): number {
  const { node, model, loadedAtMs } = replica;
  const sinceMs = state.facts.find(node, model)?.loadedAtMs ?? loadedAtMs ?? -Infinity;
  return sinceMs + Math.max(state.settings.minResidencyMs, 2 * backMs(state, replica));
}

const isPinnedThere = (state: DecideState, { isPinned, model, node }: Replica): boolean =>
  isPinned || (state.snapshot.catalogue.get(model)?.pinnedOn?.includes(node) ?? false);

export const isBusy = (state: DecideState, replica: Replica): boolean =>
  replicaLoad(replica, state.leases.on(replica.model, replica.node)) > 0;

/** Whether `replica` may be evicted for `newcomer` (rules 32 to 35a). */
export function evictionOf(
  state: DecideState,
  node: NodeSnapshot,
  { replica, newcomer }: { readonly replica: Replica; readonly newcomer: Newcomer },
): Eviction {
  const never = neverWhy(state, replica, newcomer);
  if (never !== undefined) return { kind: 'never', why: never };
  const { nowMs } = state;
  const isEqual = residencyPriorityOf(state, replica.model) === newcomer.priority;
  const turnMs = isEqual && !newcomer.isUrgent ? turnEndsMs(state, replica) : -Infinity;
  if (turnMs > nowMs) return { kind: 'protected', why: 'turn', untilMs: turnMs };
  if (isBusy(state, replica)) return { kind: 'busy' };
  // A conversation holds it (rule 35a).
  const heldMs = state.facts.find(node.name, replica.model)?.heldUntilMs ?? -Infinity;
  if (heldMs <= nowMs) return { kind: 'allowed', starved: false };
  return starvesAtMs(state, node.name, newcomer) <= nowMs
    ? { kind: 'allowed', starved: true }
    : { kind: 'protected', why: 'held', untilMs: heldMs };
}

/** Time since the last request for a replica; undefined: not known. */
export function idleMsOf(
  { facts, nowMs }: DecideState,
  { node, model, idleSinceMs = -Infinity }: Replica,
): number | undefined {
  const usedMs = Math.max(facts.find(node, model)?.lastUsedMs ?? -Infinity, idleSinceMs);
  return Number.isFinite(usedMs) ? Math.max(0, nowMs - usedMs) : undefined;
}

/** How likely a model is asked for again, relative to others. */
export function wantedOf(state: DecideState, replica: Replica): number {
  const { node, model } = replica;
  const facts = state.facts.find(node, model);
  const usedMs = Math.max(
    facts?.lastUsedMs ?? -Infinity,
    replica.idleSinceMs ?? -Infinity,
    facts?.loadedAtMs ?? replica.loadedAtMs ?? -Infinity,
  );
  const idleMs = Number.isFinite(usedMs) ? Math.max(0, state.nowMs - usedMs) : HALF_WANTED_MS;
  const wanted = (1 + state.waiting(model)) / (1 + idleMs / HALF_WANTED_MS);
  return wanted / Math.max(1, state.readyCount(model));
}
