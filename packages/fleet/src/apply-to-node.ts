import type { ModelEntry } from '@cortex/protocol';

import type { NodeConfig } from './catalogue.ts';
import { deriveReplicas, knownEntry } from './derive-replicas.ts';
import type { FleetEvent, LoadResult, NodeReported } from './fleet-event.ts';
import type { NodeSnapshot } from './snapshot.ts';

type NodeEvent = Exclude<FleetEvent, { readonly kind: 'config_changed' }>;

/** A node nobody has heard of yet. */
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
    knownAtMs: configuredAtMs,
    isDraining: false,
    reported: new Map(),
    endpoints: new Map(),
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

function withEntry(node: NodeSnapshot, entry: ModelEntry, atMs: number): NodeSnapshot {
  const reported = new Map(node.reported).set(entry.id, entry);
  return { ...node, reported, knownAtMs: Math.max(node.knownAtMs, atMs) };
}

function withoutEntry(node: NodeSnapshot, model: string, atMs: number): NodeSnapshot {
  const reported = new Map(node.reported);
  reported.delete(model);
  return { ...node, reported, knownAtMs: Math.max(node.knownAtMs, atMs) };
}

/** One answer makes a node up, also an answer whose content is older than what is known already. */
function withSignOfLife(node: NodeSnapshot): NodeSnapshot {
  const { error: _answered, ...rest } = node;
  return { ...rest, state: 'up', misses: 0, hasAnswered: true };
}

function withReport(node: NodeSnapshot, event: NodeReported): NodeSnapshot {
  const alive = withSignOfLife(node);
  if (event.sentMs < node.knownAtMs) return alive;
  const { health, models, discovery, version } = event;
  return {
    ...alive,
    knownAtMs: event.sentMs,
    ownAtReport: event.ownInFlight ?? new Map(),
    fullModels: health ? new Map() : alive.fullModels,
    ...(health && { health, isDraining: health.draining }),
    ...(models && { reported: new Map(models.map((entry) => [entry.id, entry])) }),
    ...(discovery && { discovery }),
    ...(version !== undefined && { version }),
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
  const ended = { ...node, ownLoads, knownAtMs: Math.max(node.knownAtMs, event.atMs) };
  const before = node.reported.get(event.model);
  // A report asked for after the end knows better: the model may be gone again.
  const isOvertaken = before !== undefined && node.knownAtMs >= event.atMs;
  if (event.result.kind === 'cancelled' || isOvertaken) return ended;
  const { reason: _old, ...known } = before ?? knownEntry(event.model, '');
  const entry =
    event.result.kind === 'loaded'
      ? { ...known, status: 'loaded' }
      : { ...known, status: 'failed', reason: event.result.reason };
  return withEntry(ended, entry, event.atMs);
}

/**
 * The node after `event`, or the same object where the event is of a node that was replaced meanwhile.
 */
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
    case 'endpoints_known':
      return withReplicas({ ...node, endpoints: event.endpoints });
    case 'model_changed':
      return event.atMs < node.knownAtMs
        ? node
        : withReplicas(withEntry(node, event.entry, event.atMs));
    case 'model_gone':
      return event.atMs < node.knownAtMs
        ? node
        : withReplicas(withoutEntry(node, event.model, event.atMs));
    case 'model_status': {
      const { servable: _past, ...entry } =
        node.reported.get(event.model) ?? knownEntry(event.model, event.status);
      return withReplicas(withEntry(node, { ...entry, status: event.status }, event.atMs));
    }
    case 'model_full': {
      const fullModels = new Map(node.fullModels).set(event.model, event.ownInFlight);
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
