import type { CatalogueModel } from './catalogue.ts';
import type { FleetSnapshot, NodeSnapshot } from './snapshot.ts';

/** What a node permanently lacks for a model. */
export interface Lack {
  readonly node: string;
  readonly what: 'node' | 'model' | 'harness' | 'devices';
  /** Follows the name of the node in a sentence. */
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
 * What `node` lacks to hold `model`; undefined when it can, or when it has never answered and therefore may.
 *
 * Memory in use is not a lack, because it can be freed.
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

/** Whether every GPU of the node belongs to other programs for now (behaviour 36a). */
export function isYielding(node: NodeSnapshot): boolean {
  const gpus = (node.health?.devices ?? []).filter(({ kind }) => kind !== 'cpu');
  return gpus.length > 0 && gpus.every((device) => device.yielding === true);
}

/**
 * Whether the known free memory suffices: the memory of the GPUs, or without a GPU the share of RAM that models may
 * use. Unknown values do not count against the node.
 */
export function fitsFreeMemory(node: NodeSnapshot, model: CatalogueModel | undefined): boolean {
  const devices = node.health?.devices ?? [];
  const gpus = devices.filter(({ kind }) => kind !== 'cpu');
  const free = (gpus.length > 0 ? gpus : devices).flatMap((device) =>
    device.yielding === true ? 0 : (device.vram_free_mb ?? []),
  );
  if (model?.vramMb === undefined || free.length === 0) return true;
  return free.reduce((sum, freeMb) => sum + freeMb, 0) >= model.vramMb;
}
