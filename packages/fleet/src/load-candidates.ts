import { stateTraits } from '@cortex/protocol';

import { fitsFreeMemory, isYielding, type Lacking, permanentLack } from './feasibility.ts';
import type { LeasesView, LoadFailures } from './leases-view.ts';
import { replicaLoad } from './replica-load.ts';
import type { FleetSnapshot, NodeSnapshot, Replica } from './snapshot.ts';

export interface LoadQuestion {
  readonly model: string;
  /** Restricts the choice to this node. */
  readonly node?: string | undefined;
  readonly tried: readonly string[];
}

/** Tables outside the snapshot, and the time. */
export interface DecisionContext {
  readonly leases: LeasesView;
  readonly failures: LoadFailures;
  readonly nowMs: number;
  /** Absent: the least loaded replica. */
  readonly routing?:
    | {
        readonly policy: 'prefix-affinity' | 'least-loaded' | 'round-robin';
        /** A replica may have this many times the mean load before its conversations go elsewhere. */
        readonly loadFactor: number;
      }
    | undefined;
  /** True: the replica is to be evicted, and gets no more requests. */
  readonly isYielded?: ((replica: Replica) => boolean) | undefined;
  /** When the replica last got a request; needed for `round-robin`. */
  readonly lastGrantMs?: ((replica: Replica) => number) | undefined;
}

function isBusy(node: NodeSnapshot, leases: LeasesView): boolean {
  for (const replica of node.replicas.values()) {
    const own = leases.ownByNode(replica.model)?.get(node.name) ?? 0;
    if (replicaLoad(replica, own) > 0) return true;
  }
  return false;
}

/** Smaller is better; compared from the left. */
function rank(
  snapshot: FleetSnapshot,
  node: NodeSnapshot,
  { question, leases }: { question: LoadQuestion; leases: LeasesView },
): readonly number[] {
  const entry = snapshot.catalogue.get(question.model);
  const replica = node.replicas.get(question.model);
  return [
    Number(question.tried.includes(node.name)),
    Number(replica?.status === 'failed'),
    Number(node.isExpectedOffline),
    Number(!entry?.pinnedOn?.includes(node.name)),
    Number(!replica?.onDisk),
    Number(!fitsFreeMemory(node, entry)),
    Number(isBusy(node, leases)),
  ];
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, position) => value !== b[position]);
  return index === -1 ? 0 : (a[index] ?? 0) - (b[index] ?? 0);
}

/** What keeps a node from loading the model now, and may end by itself; undefined: nothing but memory. */
export function temporaryLack(
  node: NodeSnapshot,
  model: string,
  { failures, nowMs }: Pick<DecisionContext, 'failures' | 'nowMs'>,
): Lacking | undefined {
  if (node.state !== 'up') return { what: 'up', need: 'up', have: node.state, unit: 'name' };
  if (node.isDraining) return { what: 'undrained', need: 'up', have: 'draining', unit: 'name' };
  if (isYielding(node)) return { what: 'unyielding', need: 'up', have: 'yielding', unit: 'name' };
  const status = node.replicas.get(model)?.status ?? 'unloaded';
  if (!stateTraits(status).loadable) {
    return { what: 'state', need: 'unloaded', have: status, unit: 'name' };
  }
  const failure = failures.failure(node.name, model);
  if (!failure) return undefined;
  return { what: 'back_off', need: 0, have: failure.retryAtMs - nowMs, unit: 'ms' };
}

/**
 * Nodes that can load the model now, best first.
 *
 * A node that failed this request, or the model, comes last; then the operator's `pinned_on`, a file
 * already on disk, free memory, an idle node, and the name. A node whose GPUs other programs have taken is none.
 */
export function loadCandidates(
  snapshot: FleetSnapshot,
  question: LoadQuestion,
  context: DecisionContext,
): readonly string[] {
  return [...snapshot.nodes.values()]
    .filter(
      (node) =>
        (question.node === undefined || node.name === question.node) &&
        temporaryLack(node, question.model, context) === undefined &&
        permanentLack(snapshot, node, question.model) === undefined,
    )
    .map((node) => ({
      name: node.name,
      rank: rank(snapshot, node, { question, leases: context.leases }),
    }))
    .toSorted((a, b) => compareRanks(a.rank, b.rank) || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}
