import type { AdminAvoidance, AdminNode } from '@cortex/protocol';

import type { FleetSnapshot, NodeSnapshot } from '../snapshot.ts';
import type { OpenCircuit } from '../decide/circuit-table.ts';
import type { Activity } from './activity.ts';
import type { Words } from './words.ts';

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

const seconds = (ms: number): number => Math.round(ms / 100) / 10;

/** An open circuit as on the wire. */
export function toAvoidance(circuit: OpenCircuit, words: Words): AdminAvoidance {
  const { model, failures, code, openForMs, remainingMs } = circuit;
  return {
    model,
    ago_s: seconds(openForMs),
    remaining_s: seconds(remainingMs),
    failures,
    code,
    text: words.avoided(circuit),
  };
}

function avoided(circuits: readonly OpenCircuit[], words: Words): AdminNode['avoided'] {
  return circuits.length === 0 ? undefined : circuits.map((circuit) => toAvoidance(circuit, words));
}

export interface AdminNodeOptions {
  readonly activity: Activity;
  readonly words: Words;
}

/** One node. If it is not up, it has its last report. */
export function describeAdminNode(
  node: NodeSnapshot,
  { activity, words }: AdminNodeOptions,
): AdminNode {
  return {
    name: node.name,
    endpoint: node.endpoint,
    state: node.state,
    sleep: activity.sleep(node.name),
    draining: node.isDraining,
    drain_remaining_s: node.isDraining ? node.health?.drain_remaining_s : undefined,
    error: node.error,
    avoided: avoided(activity.circuits(node.name), words),
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
export const listAdminNodes = (
  snapshot: FleetSnapshot,
  options: AdminNodeOptions,
): readonly AdminNode[] =>
  [...snapshot.nodes.values()].map((node) => describeAdminNode(node, options));
