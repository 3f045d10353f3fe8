import { createAliasTable } from './alias-table.ts';
import { applyToNode, createNode } from './apply-to-node.ts';
import type { FleetConfig } from './catalogue.ts';
import { withReplicas } from './derive-replicas.ts';
import type { FleetEvent } from './fleet-event.ts';
import type { FleetSnapshot, NodeSnapshot, Replica } from './snapshot.ts';

const EMPTY: FleetSnapshot = {
  revision: 0,
  nodes: new Map(),
  replicasByModel: new Map(),
  catalogue: new Map(),
  aliases: createAliasTable([]),
  pendingNodes: 0,
};

const isPending = (node: NodeSnapshot): boolean => !node.hasAnswered && node.misses === 0;

/**
 * Index of the replica of `node` in `list`, or where to insert it. The list is ordered by node name and can be as
 * long as the fleet.
 */
function positionOf(list: readonly Replica[], node: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.node ?? '') < node) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `list` with the replica of `node` replaced, added or removed, ordered by node name. */
function withReplica(
  list: readonly Replica[],
  node: string,
  replica: Replica | undefined,
): readonly Replica[] {
  const position = positionOf(list, node);
  const isKnown = list[position]?.node === node;
  if (isKnown && replica) return list.with(position, replica);
  if (isKnown) return list.toSpliced(position, 1);
  return replica ? list.toSpliced(position, 0, replica) : list;
}

/** The index after one node changed. Only the lists of models whose replica on this node changed are new. */
function reindex(
  index: FleetSnapshot['replicasByModel'],
  before: NodeSnapshot,
  after: NodeSnapshot,
): FleetSnapshot['replicasByModel'] {
  if (before.replicas === after.replicas) return index;
  const next = new Map(index);
  const set = (model: string, replica: Replica | undefined) => {
    const list = withReplica(next.get(model) ?? [], after.name, replica);
    if (list.length > 0) next.set(model, list);
    else next.delete(model);
  };
  for (const [model, replica] of after.replicas) {
    if (before.replicas.get(model) !== replica) set(model, replica);
  }
  for (const model of before.replicas.keys()) {
    if (!after.replicas.has(model)) set(model, undefined);
  }
  return next;
}

function configureNodes(
  known: FleetSnapshot['nodes'],
  config: FleetConfig,
  atMs: number,
): ReadonlyMap<string, NodeSnapshot> {
  const nodes = config.nodes
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) => {
      const before = known.get(entry.name);
      const fresh = createNode(entry, atMs);
      // A new machine under an old name is a different node, so the old state is dropped.
      if (before?.endpoint !== entry.endpoint) return fresh;
      const { speedWeight, isExpectedOffline, wakeMs } = fresh;
      return withReplicas({ ...before, speedWeight, isExpectedOffline, wakeMs });
    });
  return new Map(nodes.map((node) => [node.name, node]));
}

function indexAll(nodes: FleetSnapshot['nodes']): FleetSnapshot['replicasByModel'] {
  const index = new Map<string, Replica[]>();
  for (const node of nodes.values()) {
    for (const [model, replica] of node.replicas) {
      const list = index.get(model);
      if (list) list.push(replica);
      else index.set(model, [replica]);
    }
  }
  return index;
}

/** The state of the fleet. Only `apply` changes it; earlier snapshots stay unchanged. */
export class FleetState {
  #snapshot = EMPTY;
  #failuresBeforeDown = 3;

  get snapshot(): FleetSnapshot {
    return this.#snapshot;
  }

  /** True when the event changed the state. An event of a node that is not configured changes nothing. */
  apply(event: FleetEvent): boolean {
    if (event.kind === 'config_changed') {
      this.#configure(event.config, event.atMs);
      return true;
    }
    const snapshot = this.#snapshot;
    const before = snapshot.nodes.get(event.node);
    if (!before) return false;
    const after = applyToNode(before, event, this.#failuresBeforeDown);
    if (after === before) return false;
    this.#snapshot = {
      ...snapshot,
      revision: snapshot.revision + 1,
      nodes: new Map(snapshot.nodes).set(after.name, after),
      replicasByModel: reindex(snapshot.replicasByModel, before, after),
      pendingNodes: snapshot.pendingNodes - Number(isPending(before)) + Number(isPending(after)),
    };
    return true;
  }

  #configure(config: FleetConfig, atMs: number): void {
    const nodes = configureNodes(this.#snapshot.nodes, config, atMs);
    this.#failuresBeforeDown = config.failuresBeforeDown;
    this.#snapshot = {
      revision: this.#snapshot.revision + 1,
      nodes,
      replicasByModel: indexAll(nodes),
      catalogue: new Map(config.catalogue.map((model) => [model.id, model])),
      aliases: createAliasTable(config.aliases),
      pendingNodes: [...nodes.values()].filter(isPending).length,
    };
  }
}
