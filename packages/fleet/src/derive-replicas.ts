import { isModelState, type ModelEntry, type ModelLoad, stateTraits } from '@cortex/protocol';

import type { NodeSnapshot, Replica, ReplicaLoad } from './snapshot.ts';

/** A model entry for a model that the node has not listed yet. */
export function knownEntry(model: string, status: string, reason?: string): ModelEntry {
  return {
    id: model,
    harness: '',
    status,
    devices: [],
    capabilities: [],
    settings: {},
    generation: 0,
    pinned: false,
    on_disk: false,
    reason,
  };
}

function readLoad(node: NodeSnapshot, load: ModelLoad): ReplicaLoad {
  return {
    inFlight: load.in_flight,
    queueDepth: load.queue_depth,
    maxInFlight: load.max_in_flight,
    maxQueueDepth: load.max_queue_depth,
    ...(load.tok_s_decode !== undefined &&
      load.tok_s_decode > 0 && { tokSDecode: load.tok_s_decode }),
    ownAtReport: node.ownAtReport.get(load.id) ?? 0,
  };
}

/** The load of a replica that refused: exactly full, so that each ended own lease makes room for one request. */
function fullLoad(load: ReplicaLoad | undefined, ownAtReport: number): ReplicaLoad {
  const known = load ?? { maxInFlight: 1, maxQueueDepth: 0 };
  return {
    ...known,
    inFlight: known.maxInFlight,
    queueDepth: known.maxQueueDepth,
    ownAtReport,
  };
}

function loadOf(node: NodeSnapshot, model: string, reported: ModelLoad | undefined) {
  const load = reported && readLoad(node, reported);
  const ownWhenFull = node.fullModels.get(model)?.ownInFlight;
  return ownWhenFull === undefined ? load : fullLoad(load, ownWhenFull);
}

function toReplica(node: NodeSnapshot, entry: ModelEntry, load: ReplicaLoad | undefined): Replica {
  // A load that cortex has requested and the node does not report yet.
  const isOwnLoad =
    node.ownLoads.has(entry.id) &&
    (stateTraits(entry.status).loadable || !isModelState(entry.status));
  const status = isOwnLoad ? 'loading' : entry.status;
  const isServable = stateTraits(status).serves && entry.servable?.ok !== false;
  const progress = node.ownLoads.get(entry.id) ?? entry.progress;
  const reason = isOwnLoad ? undefined : (entry.servable?.reason ?? entry.reason);
  return {
    node: node.name,
    model: entry.id,
    basePath: node.basePaths.get(entry.id) ?? '',
    speedWeight: node.speedWeight,
    isNodeUp: node.state === 'up',
    isNodeDraining: node.isDraining,
    status,
    isServable,
    isReady: isServable && node.state === 'up' && !node.isDraining,
    reason,
    progress,
    etaS: entry.eta_s,
    harness: entry.harness === '' ? undefined : entry.harness,
    quant: entry.quant,
    onDisk: entry.on_disk,
    isPinned: entry.pinned,
    capabilities: entry.capabilities,
    limit: entry.limit,
    vramUsedMb: entry.vram_used_mb,
    load,
  };
}

/**
 * The replicas of a node.
 *
 * An unchanged replica stays the same object, and so does the map when no replica changed, so that only the changed
 * parts of the index of a large fleet are updated.
 */
export function deriveReplicas(node: NodeSnapshot): ReadonlyMap<string, Replica> {
  const loads = new Map((node.health?.models ?? []).map((load) => [load.id, load]));
  const replicas = new Map<string, Replica>();
  let isChanged = false;
  const add = (entry: ModelEntry) => {
    const before = node.replicas.get(entry.id);
    const now = toReplica(node, entry, loadOf(node, entry.id, loads.get(entry.id)));
    const isSame = before !== undefined && Bun.deepEquals(before, now);
    isChanged ||= !isSame;
    replicas.set(entry.id, isSame ? before : now);
  };
  for (const entry of node.reported.values()) add(entry);
  for (const model of node.ownLoads.keys()) {
    if (!node.reported.has(model)) add(knownEntry(model, 'loading'));
  }
  return isChanged || replicas.size !== node.replicas.size ? replicas : node.replicas;
}
