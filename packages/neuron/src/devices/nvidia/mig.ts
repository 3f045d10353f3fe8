/** MIG instances: partitions of a data-centre GPU, each a device of its own. Parses `nvidia-smi -L` and `-q -x`. Pure. */
import type { NvidiaGpu } from './nvidia-smi.ts';

/** One instance. */
export interface MigInstance {
  /** Position on its GPU. */
  readonly index: number;
  readonly uuid: string;
  /** Compute slices and memory, such as `3g.20gb`. */
  readonly profile: string;
  readonly totalMib?: number | undefined;
  readonly freeMib?: number | undefined;
}

/** The MIG state of one GPU. */
export interface MigGpu {
  readonly isEnabled: boolean;
  readonly instances: readonly MigInstance[];
}

/** MIG hides the utilization of the whole GPU, so only a GPU without it can have instances. */
export const mayHaveMig = (gpu: NvidiaGpu): boolean => gpu.utilizationPct === undefined;

/** The text of the first element with this name. */
const textOf = (xml: string, name: string): string | undefined =>
  new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(xml)?.[1];

const blocksOf = (xml: string, name: string): string[] =>
  Array.from(
    xml.matchAll(new RegExp(`<${name}(?: [^>]*)?>(.*?)</${name}>`, 'gs')),
    ([, body]) => body ?? '',
  );

/** `20096 MiB` → 20096. */
function readMib(text: string | undefined): number | undefined {
  const value = Number.parseFloat(text ?? '');
  return Number.isFinite(value) ? value : undefined;
}

/** UUID and profile of each instance, by UUID of its GPU, from `nvidia-smi -L`. */
function parseList(listing: string): Map<string, MigInstance[]> {
  const byGpu = new Map<string, MigInstance[]>();
  let instances: MigInstance[] = [];
  for (const line of listing.split('\n')) {
    const gpu = /^GPU \d+: .*\(UUID: (GPU-[^)]+)\)/.exec(line)?.[1];
    if (gpu !== undefined) {
      instances = [];
      byGpu.set(gpu, instances);
    }
    const [, profile, index, uuid] =
      /^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)/.exec(line) ?? [];
    if (profile === undefined || index === undefined || uuid === undefined) continue;
    instances.push({ index: Number(index), uuid, profile });
  }
  return byGpu;
}

/**
 * The MIG state of each GPU, by its UUID.
 *
 * @param xml - Output of `nvidia-smi -q -x`, which has the memory of each instance.
 * @param listing - Output of `nvidia-smi -L`, which has their UUIDs: many drivers leave them out of the XML.
 */
export function parseMig(xml: string, listing: string): ReadonlyMap<string, MigGpu> {
  const listed = parseList(listing);
  const gpus = blocksOf(xml, 'gpu').flatMap((gpu): [string, MigGpu][] => {
    // The instances have UUIDs of their own in newer drivers.
    const uuid = textOf(gpu.replace(/<mig_devices>.*?<\/mig_devices>/s, ''), 'uuid');
    if (uuid === undefined) return [];
    const memory = new Map(
      blocksOf(gpu, 'mig_device').map((device) => {
        const [framebuffer = ''] = blocksOf(device, 'fb_memory_usage');
        const totalMib = readMib(textOf(framebuffer, 'total'));
        const freeMib = readMib(textOf(framebuffer, 'free'));
        return [Number(textOf(device, 'index')), { totalMib, freeMib }] as const;
      }),
    );
    const instances = (listed.get(uuid) ?? []).map((instance) => ({
      ...instance,
      ...memory.get(instance.index),
    }));
    return [[uuid, { isEnabled: textOf(gpu, 'current_mig') === 'Enabled', instances }]];
  });
  return new Map(gpus);
}
