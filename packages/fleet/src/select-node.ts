import { classifyUnserved, type Unserved } from './classify-unserved.ts';
import type { DecisionContext, LoadQuestion } from './load-candidates.ts';
import { hasRoom, replicaLoad } from './replica-load.ts';
import type { FleetSnapshot, Replica } from './snapshot.ts';

export interface SelectionRequest extends LoadQuestion {
  /** Slots that the request takes, all or none. */
  readonly weight: number;
  /** A node that is chosen only when no other has room; undefined: none. */
  readonly avoided?: string | undefined;
}

/** The node for a request, what the request waits for, or why it cannot be served. */
export type Selection =
  | { readonly kind: 'node'; readonly replica: Replica }
  /** Every ready replica is full. */
  | { readonly kind: 'full' }
  | Unserved;

const FULL: Selection = { kind: 'full' };
/** Score of a replica after all others. */
const WORST_SCORE = Number.MAX_VALUE;

/** Most slots of a model whose settings leave the number to the node (contracts, section 4). */
const MAX_AUTO_SLOTS = 4;

function slotsOnceLoaded({ catalogue }: FleetSnapshot, model: string): number {
  const slots = catalogue.get(model)?.slots ?? 'auto';
  return slots === 'auto' ? MAX_AUTO_SLOTS : slots;
}

/** Tokens per second of one unit of node weight, from the replicas with a measured speed; 1 when none has. */
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

/**
 * Chooses the ready replica with the least load relative to its speed.
 *
 * Score is (load + 1) / (slots × tokens per second), ties by name. A replica without a measured speed counts by the
 * weight of its node. Only replicas with room are chosen. Allocates nothing proportional to the fleet.
 */
export function selectNode(
  snapshot: FleetSnapshot,
  request: SelectionRequest,
  context: DecisionContext,
): Selection {
  const replicas = snapshot.replicasByModel.get(request.model) ?? [];
  const ownByNode = context.leases.ownByNode(request.model);
  const unitSpeed = replicas.length > 1 ? speedOfUnitWeight(replicas) : 1;
  let best: Replica | undefined;
  let bestScore = Infinity;
  let isFull = false;
  let mostSlots = -1;
  for (const replica of replicas) {
    if (!replica.isReady) continue;
    if (request.node !== undefined && replica.node !== request.node) continue;
    if (request.tried.length > 0 && request.tried.includes(replica.node)) continue;
    const slots = replica.load?.maxInFlight;
    mostSlots = Math.max(mostSlots, slots ?? Infinity);
    if (slots !== undefined && request.weight > slots) continue;
    const own = ownByNode?.get(replica.node) ?? 0;
    if (!hasRoom(replica, own, request.weight)) {
      isFull = true;
      continue;
    }
    const speed = replica.load?.tokSDecode ?? replica.speedWeight * unitSpeed;
    const isAvoided = replica.node === request.avoided;
    const score = isAvoided
      ? WORST_SCORE
      : (replicaLoad(replica, own) + 1) / ((slots ?? 1) * speed);
    if (score < bestScore) {
      best = replica;
      bestScore = score;
    }
  }
  if (best) return { kind: 'node', replica: best };
  if (isFull) return FULL;
  if (mostSlots >= 0)
    return { kind: 'refused', refusal: { kind: 'too_many_answers', slots: mostSlots } };
  const unserved = classifyUnserved(snapshot, request, context);
  const slots = slotsOnceLoaded(snapshot, request.model);
  // Checked before the load, so that a model of 40 GB is not loaded for a request that it must refuse.
  return unserved.kind === 'load' && request.weight > slots
    ? { kind: 'refused', refusal: { kind: 'too_many_answers', slots } }
    : unserved;
}
