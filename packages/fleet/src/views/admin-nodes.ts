import type { AdminNode } from '@cortex/protocol';

import type { FleetSnapshot, NodeSnapshot } from '../snapshot.ts';
import type { Activity } from './activity.ts';

function devices({ discovery, health }: NodeSnapshot): AdminNode['devices'] {
  const readings = new Map(health?.devices.map((reading) => [reading.index, reading]));
  return (discovery?.devices ?? []).map(({ index, name, kind, vram_total_mb }) => {
    const { vram_used_mb, yielding } = readings.get(index) ?? {};
    return { index, name, kind, vram_total_mb, vram_used_mb, yielding };
  });
}

function discovered({ discovery }: NodeSnapshot): Partial<AdminNode> {
  if (!discovery) return {};
  const { hostname, cpu, ram_total_mb, gpu_unavailable_reason } = discovery;
  return {
    hostname,
    cpu,
    ram_total_mb,
    gpu_unavailable_reason,
  };
}

/** One node. If it is not up, it has its last report. */
export function describeAdminNode(node: NodeSnapshot, activity: Activity): AdminNode {
  return {
    name: node.name,
    endpoint: node.endpoint,
    state: node.state,
    draining: node.isDraining,
    drain_remaining_s: node.isDraining ? node.health?.drain_remaining_s : undefined,
    error: node.error,
    misses: node.misses,
    version: node.version,
    ...discovered(node),
    devices: devices(node),
    models:
      node.state === 'up'
        ? [...node.replicas.values()].map(({ model, status }) => ({ id: model, status }))
        : [],
    in_flight: activity.inFlight(node.name),
  };
}

/** `GET /admin/v1/nodes`: every configured node, ordered by name. */
export const listAdminNodes = (snapshot: FleetSnapshot, activity: Activity): readonly AdminNode[] =>
  [...snapshot.nodes.values()].map((node) => describeAdminNode(node, activity));
