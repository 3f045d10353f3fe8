import type { DecisionContext, LoadQuestion } from './decision-context.ts';
import { hashText, rendezvousHash } from './rendezvous-hash.ts';
import { hasRoom, replicaLoad } from './replica-load.ts';
import type { FleetSnapshot, Replica } from './snapshot.ts';

const FULL = { kind: 'full' } as const;
/** Most slots of a model whose settings leave the number to the node (contracts, section 4). */
const MAX_AUTO_SLOTS = 4;

/** The most slots that a model has once it is loaded. */
export function slotsOnceLoaded({ catalogue }: FleetSnapshot, model: string): number {
  const slots = catalogue.get(model)?.slots ?? 'auto';
  return slots === 'auto' ? MAX_AUTO_SLOTS : slots;
}

/** Tokens per second of one answer for one unit of node weight, from the replicas with a measured speed; 1 when none has. */
function speedOfUnitWeight(replicas: readonly Replica[]): number {
  let sum = 0;
  let count = 0;
  for (const { isReady, load, speedWeight } of replicas) {
    if (!isReady || load?.tokSDecode === undefined) continue;
    sum += load.tokSDecode / speedWeight;
    count += 1;
  }
  return count === 0 ? 1 : sum / count;
}

/** What the choice among ready replicas reads of a request. */
export interface ReadyQuestion extends LoadQuestion {
  /** Slots that the request takes, all or none. */
  readonly weight: number;
  /** A node that is chosen only when no other has room; undefined: none. */
  readonly avoided?: string | undefined;
  /** Requests with the same key go to the same replica while it is not overloaded. */
  readonly affinityKey?: (() => string | undefined) | undefined;
}

/** The choice among ready replicas; `none`: there is no ready replica that the request may use. */
export type ReadyChoice =
  | { readonly kind: 'node'; readonly replica: Replica; readonly by: 'affinity' | 'load' }
  | { readonly kind: 'full' }
  | { readonly kind: 'too_many'; readonly slots: number }
  | { readonly kind: 'none' };

const NONE: ReadyChoice = { kind: 'none' };

const mayUse = (replica: Replica, { node, tried }: ReadyQuestion): boolean =>
  replica.isReady &&
  (node === undefined || replica.node === node) &&
  (tried.length === 0 || !tried.includes(replica.node));

/**
 * The replica that a rendezvous hash of the affinity key prefers among those under the load bound (behaviour 39):
 * ceil(factor × (total load + 1) ÷ replicas).
 */
function byAffinity(
  replicas: readonly Replica[],
  request: ReadyQuestion,
  context: DecisionContext,
): Replica | undefined {
  const { routing } = context;
  if (routing?.policy !== 'prefix-affinity') return undefined;
  const affinityKey = request.affinityKey?.();
  if (affinityKey === undefined) return undefined;
  const own = context.leases.ownByNode(request.model);
  let total = 0;
  let count = 0;
  for (const replica of replicas) {
    // A replica that gets no requests would lower the bound of the others.
    if (!mayUse(replica, request) || context.isAvoided?.(replica) === true) continue;
    total += replicaLoad(replica, own?.get(replica.node) ?? 0);
    count += 1;
  }
  const bound = Math.ceil((routing.loadFactor * (total + 1)) / count);
  const key = hashText(affinityKey);
  let best: Replica | undefined;
  let bestHash = -1;
  for (const replica of replicas) {
    if (!mayUse(replica, request) || replica.node === request.avoided) continue;
    if (context.isYielded?.(replica) === true || context.isAvoided?.(replica) === true) continue;
    const held = own?.get(replica.node) ?? 0;
    const slots = replica.load?.maxInFlight ?? Infinity;
    if (request.weight > slots || !hasRoom(replica, held, request.weight)) continue;
    if (replicaLoad(replica, held) >= bound) continue;
    const hash = rendezvousHash(key, replica.node);
    if (hash > bestHash) {
      best = replica;
      bestHash = hash;
    }
  }
  return best;
}

/** 0: it is not avoided. A node that failed this request once is better than one that failed several in a row. */
const avoidanceOf = (
  replica: Replica,
  { avoided }: ReadyQuestion,
  { isAvoided }: DecisionContext,
): number => (isAvoided?.(replica) === true ? 2 : 0) + (replica.node === avoided ? 1 : 0);

/**
 * Chooses the ready replica that the affinity key prefers, else the one with the least load relative to its speed.
 *
 * Score is (load + 1) / (slots × tokens per second of one answer), ties by name. A replica without a measured speed counts by the
 * weight of its node. Only replicas with room are chosen, and those that are avoided only if no other has room. Allocates
 * nothing proportional to the fleet.
 */
export function chooseReady(
  snapshot: FleetSnapshot,
  request: ReadyQuestion,
  context: DecisionContext,
): ReadyChoice {
  const replicas = snapshot.replicasByModel.get(request.model) ?? [];
  const preferred = replicas.length > 1 ? byAffinity(replicas, request, context) : undefined;
  if (preferred) return { kind: 'node', replica: preferred, by: 'affinity' };
  const ownByNode = context.leases.ownByNode(request.model);
  const isInTurn = context.routing?.policy === 'round-robin';
  const unitSpeed = replicas.length > 1 ? speedOfUnitWeight(replicas) : 1;
  let best: Replica | undefined;
  let bestScore = Infinity;
  let bestAvoidance = Infinity;
  let isFull = false;
  let mostSlots = -1;
  for (const replica of replicas) {
    if (!mayUse(replica, request)) continue;
    const slots = replica.load?.maxInFlight;
    mostSlots = Math.max(mostSlots, slots ?? Infinity);
    if (slots !== undefined && request.weight > slots) continue;
    const own = ownByNode?.get(replica.node) ?? 0;
    if (context.isYielded?.(replica) === true || !hasRoom(replica, own, request.weight)) {
      isFull = true;
      continue;
    }
    const speed = replica.load?.tokSDecode ?? replica.speedWeight * unitSpeed;
    const score = isInTurn
      ? (context.lastGrantMs?.(replica) ?? 0)
      : (replicaLoad(replica, own) + 1) / ((slots ?? 1) * speed);
    const avoidance = avoidanceOf(replica, request, context);
    if (avoidance < bestAvoidance || (avoidance === bestAvoidance && score < bestScore)) {
      best = replica;
      bestScore = score;
      bestAvoidance = avoidance;
    }
  }
  if (best) return { kind: 'node', replica: best, by: 'load' };
  if (isFull) return FULL;
  return mostSlots >= 0 ? { kind: 'too_many', slots: mostSlots } : NONE;
}
