import type { CatalogueModel } from './catalogue.ts';
import type { FleetSnapshot, NodeSnapshot } from './snapshot.ts';

/** One thing that a node needs for a model, and what it has of it. */
export interface Lacking {
  readonly what: LackedThing;
  readonly need: number | string;
  readonly have: number | string;
  readonly unit: 'MiB' | 'ms' | 'devices' | 'name';
}

/** Permanent: `node model harness devices memory`. The others end by themselves or by an event. */
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
  | 'back_off'
  | 'free_memory'
  /** A GPU of the fleet can hold it, so that it does not go to RAM here. */
  | 'tier'
  | 'unclaimed';

/** What a node permanently lacks for a model. */
export interface Lack {
  readonly node: string;
  readonly what: 'node' | 'model' | 'harness' | 'devices';
  /** Follows the name of the node in a sentence. */
  readonly text: string;
}

/** A permanent lack as data. */
export type PermanentLack = Lacking & { readonly what: Lack['what'] };

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
    : { what: 'devices', need: minDevices, have, unit: 'devices' };
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

function textOf({ what, need, have }: PermanentLack, model: CatalogueModel | undefined): string {
  switch (what) {
    case 'harness':
      return `has no harness "${need}" (it has ${have})`;
    case 'devices': {
      const minVramMb = model?.minDeviceVramMb ?? 0;
      const size = minVramMb > 0 ? ` of ${minVramMb} MiB` : '';
      return `has ${have} of ${need} GPU${need === 1 ? '' : 's'}${size}`;
    }
    case 'model':
    case 'node':
      break;
  }
  return have === 'unknown' ? 'has not answered yet' : 'does not have it';
}

/** As `permanentLack`, in words. */
export function lackFor(
  snapshot: FleetSnapshot,
  node: NodeSnapshot,
  model: string,
): Lack | undefined {
  const lack = permanentLack(snapshot, node, model);
  if (!lack) return undefined;
  return { node: node.name, what: lack.what, text: textOf(lack, snapshot.catalogue.get(model)) };
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
