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

/** Polls take different times; a moment that moved by less than this has not changed. */
const JITTER_MS = 1000;

/** The moment `ageMs` before the report; the known one if it is about the same. */
function momentOf(
  node: NodeSnapshot,
  ageMs: number | undefined,
  known: number | undefined,
): number | undefined {
  if (ageMs === undefined) return undefined;
  const momentMs = node.reportedAtMs - ageMs;
  return known !== undefined && Math.abs(known - momentMs) < JITTER_MS ? known : momentMs;
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
  const before = node.replicas.get(entry.id);
  const ramUsedMb = entry['ram_used_mb'];
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
    canSleep: entry.can_sleep === true,
    capabilities: entry.capabilities,
    limit: entry.limit,
    vramUsedMb: entry.vram_used_mb,
    ramUsedMb: typeof ramUsedMb === 'number' ? ramUsedMb : undefined,
    devices: entry.devices.length > 0 ? entry.devices : undefined,
    generation: entry.generation,
    idleSinceMs: momentOf(node, entry.idle_ms, before?.idleSinceMs),
    loadedAtMs: momentOf(node, entry.age_ms, before?.loadedAtMs),
    load,
  };
}

/** Whether a replica holds memory, or will in a moment. */
const isResident = ({ status }: Replica): boolean =>
  stateTraits(status).held && status !== 'failed';

const residentsOf = (replicas: ReadonlyMap<string, Replica>): readonly Replica[] =>
  [...replicas.values()].filter(isResident);

/**
 * The node with the replicas that its reports and the loads of cortex make.
 *
 * An unchanged replica stays the same object, and so does the map when no replica changed, so that only the changed
 * parts of the index of a large fleet are updated.
 */
export function withReplicas(node: NodeSnapshot): NodeSnapshot {
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
  if (!isChanged && replicas.size === node.replicas.size) return node;
  return { ...node, replicas, residents: residentsOf(replicas) };
}

/** The node after an event about one model: the cost does not depend on how many models it lists. */
export function withReplicaOf(node: NodeSnapshot, model: string): NodeSnapshot {
  const reported = node.reported.get(model);
  const entry = reported ?? (node.ownLoads.has(model) ? knownEntry(model, 'loading') : undefined);
  const before = node.replicas.get(model);
  if (!entry && !before) return node;
  const replicas = new Map(node.replicas);
  if (entry) {
    const seats = node.health?.models.find(({ id }) => id === model);
    replicas.set(model, toReplica(node, entry, loadOf(node, model, seats)));
  } else {
    replicas.delete(model);
  }
  const now = replicas.get(model);
  const others = node.residents.filter((replica) => replica.model !== model);
  return { ...node, replicas, residents: now && isResident(now) ? [...others, now] : others };
}
