import type { CatalogueModel } from './catalogue.ts';
import type { FleetSnapshot, NodeSnapshot } from './snapshot.ts';

/** What a node lacks for a model: nothing that waiting would bring. */
export interface Lack {
  readonly node: string;
  readonly what: 'node' | 'model' | 'harness' | 'devices';
  /** Follows the node's name in a sentence. */
  readonly text: string;
}

const largeDevices = (node: NodeSnapshot, minVramMb: number): number =>
  (node.discovery?.devices ?? []).filter(
    (device) => device.kind !== 'cpu' && device.vram_total_mb >= minVramMb,
  ).length;

function lackOfHarness(node: NodeSnapshot, { harness }: CatalogueModel): Lack | undefined {
  const offered = node.discovery?.harnesses;
  if (offered === undefined || harness === undefined || offered.includes(harness)) return undefined;
  const has = offered.length > 0 ? offered.join(', ') : 'none';
  return { node: node.name, what: 'harness', text: `has no harness "${harness}" (it has ${has})` };
}

function lackOfDevices(node: NodeSnapshot, model: CatalogueModel): Lack | undefined {
  const { minDevices = 1, minDeviceVramMb = 0, allowCpu = false } = model;
  const asksForDevices = minDevices > 1 || minDeviceVramMb > 0;
  if (!node.discovery || !asksForDevices || allowCpu) return undefined;
  const count = largeDevices(node, minDeviceVramMb);
  if (count >= minDevices) return undefined;
  const size = minDeviceVramMb > 0 ? ` of ${minDeviceVramMb} MiB` : '';
  return {
    node: node.name,
    what: 'devices',
    text: `has ${count} of ${minDevices} GPU${minDevices === 1 ? '' : 's'}${size}`,
  };
}

/**
 * What `node` lacks to hold `model`; undefined when it can, or when it never answered and so may.
 *
 * Memory in use does not count: it can be freed.
 */
export function lackFor(
  snapshot: FleetSnapshot,
  node: NodeSnapshot,
  model: string,
): Lack | undefined {
  const entry = snapshot.catalogue.get(model);
  if (entry) return lackOfHarness(node, entry) ?? lackOfDevices(node, entry);
  if (node.replicas.has(model)) return undefined;
  const text = node.hasAnswered ? 'does not have it' : 'has not answered yet';
  return { node: node.name, what: 'model', text };
}

/**
 * Whether free memory suffices as far as is known now: that of the GPUs, of a node without one the share of RAM that
 * models may take. What is not known does not count against the node.
 */
export function fitsFreeMemory(node: NodeSnapshot, model: CatalogueModel | undefined): boolean {
  const devices = node.health?.devices ?? [];
  const gpus = devices.filter(({ kind }) => kind !== 'cpu');
  const free = (gpus.length > 0 ? gpus : devices).flatMap((device) => device.vram_free_mb ?? []);
  if (model?.vramMb === undefined || free.length === 0) return true;
  return free.reduce((sum, freeMb) => sum + freeMb, 0) >= model.vramMb;
}
