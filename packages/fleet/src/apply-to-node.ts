import type { ModelEntry } from '@cortex/protocol';

import type { NodeConfig } from './catalogue.ts';
import { deriveReplicas, knownEntry } from './derive-replicas.ts';
import type { FleetEvent, LoadResult, NodeReported } from './fleet-event.ts';
import type { NodeSnapshot } from './snapshot.ts';

type NodeEvent = Exclude<FleetEvent, { readonly kind: 'config_changed' }>;

/** A node that has not answered yet. */
export function createNode(config: NodeConfig, configuredAtMs: number): NodeSnapshot {
  return {
    name: config.name,
    endpoint: config.endpoint,
    speedWeight: config.weight ?? 1,
    isExpectedOffline: config.expectedOffline ?? false,
    state: 'unknown',
    misses: 0,
    hasAnswered: false,
    configuredAtMs,
    reportedAtMs: configuredAtMs,
    newerAtMs: new Map(),
    isDraining: false,
    reported: new Map(),
    basePaths: new Map(),
    ownAtReport: new Map(),
    replicas: new Map(),
    ownLoads: new Map(),
    fullModels: new Map(),
  };
}

const withReplicas = (node: NodeSnapshot): NodeSnapshot => ({
  ...node,
  replicas: deriveReplicas(node),
});

/** Time of the newest information on a model: the last report, or a later event of this model. */
const knownAtMs = (node: NodeSnapshot, model: string): number =>
  Math.max(node.reportedAtMs, node.newerAtMs.get(model) ?? -Infinity);

/** Sets the time of the newest information on the model to `atMs`, unless it is later already. */
const withAge = (node: NodeSnapshot, model: string, atMs: number): NodeSnapshot =>
  atMs <= knownAtMs(node, model)
    ? node
    : { ...node, newerAtMs: new Map(node.newerAtMs).set(model, atMs) };

function withEntry(node: NodeSnapshot, entry: ModelEntry, atMs: number): NodeSnapshot {
  const reported = new Map(node.reported).set(entry.id, entry);
  return withAge({ ...node, reported }, entry.id, atMs);
}

function withoutEntry(node: NodeSnapshot, model: string, atMs: number): NodeSnapshot {
  const reported = new Map(node.reported);
  reported.delete(model);
  return withAge({ ...node, reported }, model, atMs);
}

/** One answer makes a node up, even when its content is older than known events. */
function withSignOfLife(node: NodeSnapshot): NodeSnapshot {
  const { error: _answered, ...rest } = node;
  return { ...rest, state: 'up', misses: 0, hasAnswered: true };
}

const newerThan = (sentMs: number, ages: NodeSnapshot['newerAtMs']): NodeSnapshot['newerAtMs'] =>
  new Map([...ages].filter(([, atMs]) => atMs > sentMs));

/** The models of a report, except those with newer information. */
function mergeReported(
  node: NodeSnapshot,
  models: readonly ModelEntry[],
  newer: NodeSnapshot['newerAtMs'],
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

function withReport(node: NodeSnapshot, event: NodeReported): NodeSnapshot {
  const alive = withSignOfLife(node);
  if (event.sentMs < node.reportedAtMs) return alive;
  const { health, models, discovery, version, sentMs } = event;
  const newerAtMs = newerThan(sentMs, node.newerAtMs);
  const stillFull = [...node.fullModels].filter(([, { atMs }]) => atMs > sentMs);
  return {
    ...alive,
    reportedAtMs: sentMs,
    newerAtMs,
    ownAtReport: event.ownInFlight ?? new Map(),
    fullModels: health ? new Map(stillFull) : alive.fullModels,
    health: health ?? alive.health,
    isDraining: health?.draining ?? alive.isDraining,
    reported: models ? mergeReported(node, models, newerAtMs) : alive.reported,
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
  const ended = withAge({ ...node, ownLoads }, event.model, event.atMs);
  const before = node.reported.get(event.model);
  // A report that was requested after the end is newer: the model may be gone again.
  const isOvertaken = before !== undefined && knownAtMs(node, event.model) >= event.atMs;
  if (event.result.kind === 'cancelled' || isOvertaken) return ended;
  const { reason: _old, ...known } = before ?? knownEntry(event.model, '');
  const entry =
    event.result.kind === 'loaded'
      ? { ...known, status: 'loaded' }
      : { ...known, status: 'failed', reason: event.result.reason };
  return withEntry(ended, entry, event.atMs);
}

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
      return withReplicas(withReport(node, event));
    case 'node_missed':
      return withReplicas(withMiss(node, event.error, failuresBeforeDown));
    case 'base_paths_known':
      return withReplicas({ ...node, basePaths: event.basePaths });
    case 'model_changed':
      return event.atMs < knownAtMs(node, event.entry.id)
        ? node
        : withReplicas(withEntry(node, event.entry, event.atMs));
    case 'model_gone':
      return event.atMs < knownAtMs(node, event.model)
        ? node
        : withReplicas(withoutEntry(node, event.model, event.atMs));
    case 'model_status': {
      const { servable: _past, ...entry } =
        node.reported.get(event.model) ?? knownEntry(event.model, event.status);
      return withReplicas(withEntry(node, { ...entry, status: event.status }, event.atMs));
    }
    case 'model_full': {
      const { model, ownInFlight, atMs } = event;
      const fullModels = new Map(node.fullModels).set(model, { ownInFlight, atMs });
      return withReplicas({ ...node, fullModels });
    }
    case 'load_started':
    case 'load_progress': {
      const progress = event.kind === 'load_progress' ? event.progress : undefined;
      const ownLoads = new Map(node.ownLoads).set(event.model, progress);
      return withReplicas({ ...node, ownLoads });
    }
    case 'load_ended':
      break;
  }
  return withReplicas(withLoadEnded(node, event));
}
