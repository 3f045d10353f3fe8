import { stateTraits } from '@cortex/protocol';

import type { CatalogueModel } from './catalogue.ts';
import type { DecisionContext } from './decision-context.ts';
import type { FleetSnapshot, NodeSnapshot } from './snapshot.ts';

/** One thing that a node needs for a model, and what it has of it. */
export interface Lacking {
  readonly what: LackedThing;
  readonly need: number | string;
  readonly have: number | string;
  readonly unit: 'MiB' | 'ms' | 'devices' | 'name';
  /** `devices` only: MiB that each of them must have. */
  readonly eachMib?: number | undefined;
}

/** Permanent: `node model harness devices memory`. The others end by themselves or by an event. `node`: it is not configured. */
export type LackedThing =
  | 'node'
  | 'model'
  | 'harness'
  | 'devices'
  | 'memory'
  | 'up'
  | 'undrained'
  | 'unyielding'
  | 'state'
  /** The node has it loaded and says that it cannot serve it. */
  | 'servable'
  | 'back_off'
  /** Requests failed there and avoid it. It lowers the rank only: the node is used if no other can be. */
  | 'circuit'
  | 'free_memory'
  /** A GPU of the fleet can hold it, so that it does not go to RAM here. */
  | 'tier'
  | 'unclaimed'
  /** Its files are not on the node, and requests may not download them. */
  | 'files';

/** What one node lacks for a model. */
export interface NodeLack {
  readonly node: string;
  readonly lacking: Lacking;
}

/** A lack that does not end by itself. */
export type PermanentLack = Lacking & {
  readonly what: 'node' | 'model' | 'harness' | 'devices';
};

const largeDevices = (node: NodeSnapshot, minVramMb: number): number =>
  (node.discovery?.devices ?? []).filter(
    (device) => device.kind !== 'cpu' && device.vram_total_mb >= minVramMb,
  ).length;

function lackOfHarness(node: NodeSnapshot, { harness }: CatalogueModel): PermanentLack | undefined {
  const offered = node.discovery?.harnesses;
  if (offered === undefined || harness === undefined || offered.includes(harness)) return undefined;
  const have = offered.length > 0 ? offered.join(', ') : 'none';
  return { what: 'harness', need: harness, have, unit: 'name' };
}

function lackOfDevices(node: NodeSnapshot, model: CatalogueModel): PermanentLack | undefined {
  const { minDevices = 1, minDeviceVramMb = 0, allowCpu = false } = model;
  const asksForDevices = minDevices > 1 || minDeviceVramMb > 0;
  if (!node.discovery || !asksForDevices || allowCpu) return undefined;
  const have = largeDevices(node, minDeviceVramMb);
  return have >= minDevices
    ? undefined
    : { what: 'devices', need: minDevices, have, unit: 'devices', eachMib: minDeviceVramMb };
}

/**
 * What `node` lacks to hold `model`, as data; undefined when it can, or when it has never answered and therefore may.
 *
 * Memory in use is not a lack, because it can be freed.
 */
export function permanentLack(
  snapshot: FleetSnapshot,
  node: NodeSnapshot,
  model: string,
): PermanentLack | undefined {
  const entry = snapshot.catalogue.get(model);
  if (entry) return lackOfHarness(node, entry) ?? lackOfDevices(node, entry);
  if (node.replicas.has(model)) return undefined;
  const have = node.hasAnswered ? 'absent' : 'unknown';
  return { what: 'model', need: model, have, unit: 'name' };
}

/** What every node lacks that cannot hold the model, however much memory is freed. */
export function permanentLacks(
  snapshot: FleetSnapshot,
  nodes: Iterable<NodeSnapshot>,
  model: string,
): readonly NodeLack[] {
  return [...nodes].flatMap((node) => {
    const lacking = permanentLack(snapshot, node, model);
    return lacking ? [{ node: node.name, lacking }] : [];
  });
}

/** Whether every GPU of the node belongs to other programs for now (behaviour 36a). */
function isYielding({ health }: NodeSnapshot): boolean {
  let hasGpu = false;
  for (const { kind, yielding } of health?.devices ?? []) {
    if (kind === 'cpu') continue;
    if (yielding !== true) return false;
    hasGpu = true;
  }
  return hasGpu;
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
  const replica = node.replicas.get(model);
  const status = replica?.status ?? 'unloaded';
  if (replica && stateTraits(status).serves && !replica.isReady) {
    const have = replica.reason ?? 'no reason given';
    return { what: 'servable', need: 'up', have, unit: 'name' };
  }
  if (!stateTraits(status).loadable) {
    return { what: 'state', need: 'unloaded', have: status, unit: 'name' };
  }
  const failure = failures.failure(node.name, model);
  if (!failure) return undefined;
  return { what: 'back_off', need: 0, have: failure.retryAtMs - nowMs, unit: 'ms' };
}
