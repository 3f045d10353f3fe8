import type { ModelEntry, ModelLoad, NodeHealth } from '@cortex/protocol';

import type { NodeConfig } from './catalogue.ts';
import { knownEntry, withReplicaOf, withReplicas } from './derive-replicas.ts';
import { withDevices } from './node-devices.ts';
import type { FleetEvent, LoadResult, NodeReported } from './fleet-event.ts';
import type { EventAge, NodeSnapshot } from './snapshot.ts';

type NodeEvent = Exclude<FleetEvent, { readonly kind: 'config_changed' }>;

/** A node that has not answered yet. */
export function createNode(config: NodeConfig, configuredAtMs: number): NodeSnapshot {
  return {
    name: config.name,
    endpoint: config.endpoint,
    speedWeight: config.weight ?? 1,
    isExpectedOffline: config.expectedOffline ?? false,
    wakeMs: config.wakeMs,
    state: 'unknown',
    misses: 0,
    hasAnswered: false,
    configuredAtMs,
    reportedAtMs: configuredAtMs,
    newer: new Map(),
    isDraining: false,
    healthEventAtMs: -Infinity,
    reported: new Map(),
    basePaths: new Map(),
    ownAtReport: new Map(),
    replicas: new Map(),
    residents: [],
    devices: [],
    ownLoads: new Map(),
    fullModels: new Map(),
  };
}

/** Time of the newest information on a model: the last report, or a later event of this model. */
const knownAtMs = (node: NodeSnapshot, model: string): number =>
  Math.max(node.reportedAtMs, node.newer.get(model)?.atMs ?? -Infinity);

/** Whether more is known of the model than this event says: by its revision on the node, else by time. */
const isOutdated = (node: NodeSnapshot, model: string, { atMs, revision }: EventAge): boolean =>
  atMs < knownAtMs(node, model) ||
  (revision !== undefined &&
    node.reportedRevision !== undefined &&
    revision <= node.reportedRevision);

/** Sets the age of the newest information on the model, unless newer information is known. */
const withAge = (node: NodeSnapshot, model: string, age: EventAge): NodeSnapshot =>
  age.revision === undefined && age.atMs <= knownAtMs(node, model)
    ? node
    : { ...node, newer: new Map(node.newer).set(model, age) };

function withEntry(node: NodeSnapshot, entry: ModelEntry, age: EventAge): NodeSnapshot {
  const reported = new Map(node.reported).set(entry.id, entry);
  return withAge({ ...node, reported }, entry.id, age);
}

function withoutEntry(node: NodeSnapshot, model: string, age: EventAge): NodeSnapshot {
  const reported = new Map(node.reported);
  reported.delete(model);
  return withAge({ ...node, reported }, model, age);
}

/** With the seats of one model as an event gave them; absent: the model has none. */
function withLoad(node: NodeSnapshot, model: string, load: ModelLoad | undefined): NodeSnapshot {
  if (!node.health) return node;
  const others = node.health.models.filter(({ id }) => id !== model);
  return { ...node, health: { ...node.health, models: load ? [...others, load] : others } };
}

/** One answer makes a node up, even when its content is older than known events. */
function withSignOfLife(node: NodeSnapshot): NodeSnapshot {
  const { error: _answered, ...rest } = node;
  return { ...rest, state: 'up', misses: 0, hasAnswered: true };
}

/** Whether a report does not contain an event yet. The time of its arrival says less than its revision. */
function isNewer(
  { atMs, revision }: EventAge,
  report: Pick<NodeReported, 'sentMs' | 'revision'>,
): boolean {
  if (revision === undefined || report.revision === undefined) return atMs > report.sentMs;
  // An event from before the poll is in its answer, whatever its revision: the node may have started again.
  return atMs >= report.sentMs && revision > report.revision;
}

/** The models of a report, except those with newer information. */
function mergeReported(
  node: NodeSnapshot,
  models: readonly ModelEntry[],
  newer: NodeSnapshot['newer'],
): NodeSnapshot['reported'] {
  const reported = new Map(
    models.filter(({ id }) => !newer.has(id)).map((entry) => [entry.id, entry]),
  );
  for (const model of newer.keys()) {
    const known = node.reported.get(model);
    if (known) reported.set(model, known);
  }
  return reported;
}

/** Events about devices that are newer than the report stay in force. */
function mergeHealth(
  { health: known }: NodeSnapshot,
  health: NodeHealth | undefined,
  isOvertaken: boolean,
): NodeHealth | undefined {
  return health && isOvertaken && known ? { ...health, devices: known.devices } : health;
}

function withReport(node: NodeSnapshot, event: NodeReported): NodeSnapshot {
  const alive = withSignOfLife(node);
  if (event.sentMs < node.reportedAtMs) return alive;
  const { health, models, discovery, version, sentMs } = event;
  const newer = new Map([...node.newer].filter(([, age]) => isNewer(age, event)));
  const isOvertaken = node.healthEventAtMs > sentMs;
  const stillFull = [...node.fullModels].filter(([, { atMs }]) => atMs > sentMs);
  return {
    ...alive,
    reportedAtMs: sentMs,
    newer,
    ownAtReport: event.ownInFlight ?? new Map(),
    fullModels: health ? new Map(stillFull) : alive.fullModels,
    health: mergeHealth(node, health, isOvertaken) ?? alive.health,
    isDraining: isOvertaken ? node.isDraining : (health?.draining ?? alive.isDraining),
    reported: models ? mergeReported(node, models, newer) : alive.reported,
    reportedRevision: models ? event.revision : alive.reportedRevision,
    discovery: discovery ?? alive.discovery,
    version: version ?? alive.version,
  };
}

function withMiss(node: NodeSnapshot, error: string, failuresBeforeDown: number): NodeSnapshot {
  const misses = node.misses + 1;
  return { ...node, misses, error, state: misses >= failuresBeforeDown ? 'down' : node.state };
}

function withLoadEnded(
  node: NodeSnapshot,
  event: { readonly model: string; readonly result: LoadResult; readonly atMs: number },
): NodeSnapshot {
  const ownLoads = new Map(node.ownLoads);
  ownLoads.delete(event.model);
  const ended = withAge({ ...node, ownLoads }, event.model, { atMs: event.atMs });
  const before = node.reported.get(event.model);
  // A report that was requested after the end is newer: the model may be gone again.
  const isOvertaken = before !== undefined && knownAtMs(node, event.model) >= event.atMs;
  if (event.result.kind === 'cancelled' || isOvertaken) return ended;
  const { reason: _old, ...known } = before ?? knownEntry(event.model, '');
  const entry =
    event.result.kind === 'loaded'
      ? { ...known, status: 'loaded' }
      : { ...known, status: 'failed', reason: event.result.reason };
  return withEntry(ended, entry, { atMs: event.atMs });
}

const ageOf = ({ atMs, revision }: EventAge): EventAge => ({ atMs, revision });

/** The node after `event`; the same object when the event belongs to a machine that has been replaced. */
export function applyToNode(
  node: NodeSnapshot,
  event: NodeEvent,
  failuresBeforeDown: number,
): NodeSnapshot {
  const askedMs = 'sentMs' in event && event.sentMs !== undefined ? event.sentMs : event.atMs;
  if (askedMs < node.configuredAtMs) return node;
  switch (event.kind) {
    case 'node_reported':
      return withDevices(withReplicas(withReport(node, event)));
    case 'node_missed':
      return withReplicas(withMiss(node, event.error, failuresBeforeDown));
    case 'base_paths_known':
      return withReplicas({ ...node, basePaths: event.basePaths });
    case 'model_changed': {
      const { entry, load } = event;
      if (isOutdated(node, entry.id, event)) return node;
      return withReplicaOf(
        withLoad(withEntry(node, entry, ageOf(event)), entry.id, load),
        entry.id,
      );
    }
    case 'model_gone':
      return isOutdated(node, event.model, event)
        ? node
        : withReplicaOf(withoutEntry(node, event.model, ageOf(event)), event.model);
    case 'model_status': {
      const { servable: _past, ...entry } =
        node.reported.get(event.model) ?? knownEntry(event.model, event.status);
      const changed = { ...entry, status: event.status };
      return withReplicaOf(withEntry(node, changed, { atMs: event.atMs }), event.model);
    }
    case 'devices_changed': {
      const health = node.health && { ...node.health, devices: event.devices };
      return withDevices({ ...node, health, healthEventAtMs: event.atMs });
    }
    case 'draining_changed':
      return withReplicas({
        ...node,
        isDraining: event.draining,
        healthEventAtMs: event.atMs,
      });
    case 'model_full': {
      const { model, ownInFlight, atMs } = event;
      const fullModels = new Map(node.fullModels).set(model, { ownInFlight, atMs });
      return withReplicaOf({ ...node, fullModels }, model);
    }
    case 'load_started':
    case 'load_progress': {
      const progress = event.kind === 'load_progress' ? event.progress : undefined;
      const ownLoads = new Map(node.ownLoads).set(event.model, progress);
      return withReplicaOf({ ...node, ownLoads }, event.model);
    }
    case 'load_ended':
      break;
  }
  return withReplicaOf(withLoadEnded(node, event), event.model);
}
