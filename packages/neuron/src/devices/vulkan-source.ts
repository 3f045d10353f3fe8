/** AMD and Intel GPUs, which the engine uses through Vulkan. The engine names them; AMD's driver adds the readings. */
import type { EngineDevice } from '@cortex/engine';

import type { AmdCard } from './amd/amd-card.ts';
import { readAmdCards } from './amd/read-amd-cards.ts';
import { type AskEngine, askWithin } from './ask-engine.ts';
import type { DeviceSource, FoundDevice, SourceReading } from './device-source.ts';
import { type Exclusions, isExcluded } from './exclusions.ts';
import { gpuRemedy } from './gpu-remedy.ts';
import type { GpuSources } from './gpu-sources.ts';
import { entriesOf, hidesAll } from './visible-devices.ts';

export interface VulkanSourceOptions {
  readonly tools: GpuSources;
  readonly ask: AskEngine;
  readonly exclude: Exclusions;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** The library's list has more entries than GPUs: it counts CPUs and second drivers too. */
const MAX_LISTED = 16;
/** A graphics unit inside a processor has less memory of its own, and is slower than the cores beside it. */
const MIN_OWN_MIB = 4096;
/**
 * Index of the first GPU on a machine that has NVIDIA GPUs too, whose indexes are those of nvidia-smi. Fixed, so that
 * it does not depend on which source answers first.
 */
const INDEX_BESIDE_NVIDIA = 50;
/** Age after which the engine is asked again for the free memory of a GPU without other readings. */
const REASK_MS = 60_000;

/** A GPU, with its position in the library's list, which `GGML_VK_VISIBLE_DEVICES` counts by. */
interface ListedGpu extends EngineDevice {
  readonly listed: number;
  readonly askedMs: number;
}

const message = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

export function createVulkanSource(options: VulkanSourceOptions): DeviceSource {
  const { tools, ask, exclude, nowMs } = options;
  let known: readonly ListedGpu[] | undefined;

  const askFor = (visible: string | undefined): Promise<readonly EngineDevice[]> =>
    askWithin(ask, {
      backend: 'vulkan',
      env: {
        CUDA_VISIBLE_DEVICES: '',
        ...(visible !== undefined && { GGML_VK_VISIBLE_DEVICES: visible }),
      },
    });

  async function askForOne(listed: number): Promise<ListedGpu | undefined> {
    const askedMs = nowMs();
    const [gpu] = await askFor(String(listed));
    return gpu && { ...gpu, listed, askedMs };
  }

  /** The library names the GPUs that it would use, without their positions in its list, so each position is asked for. */
  async function find(): Promise<readonly ListedGpu[]> {
    const wanted = (await askFor(undefined)).map(({ name }) => name).filter(isNotNvidia);
    const entries = tools.visibleVulkan === undefined ? [] : entriesOf(tools.visibleVulkan);
    const positions = entries.length > 0 ? entries.map(Number) : [...Array(MAX_LISTED).keys()];
    const found: ListedGpu[] = [];
    for (const position of positions) {
      if (wanted.length === 0) break;
      // Beyond the end of the list the library fails.
      const gpu = await askForOne(position).catch(() => undefined);
      const at = gpu === undefined ? -1 : wanted.indexOf(gpu.name);
      if (gpu === undefined) break;
      if (at < 0) continue;
      wanted.splice(at, 1);
      found.push(gpu);
    }
    return found;
  }

  /** A GPU whose readings come from the engine alone is asked about again from time to time. */
  async function renewed(gpus: readonly ListedGpu[], cards: readonly AmdCard[]) {
    const isCovered = (gpu: ListedGpu): boolean => matchCards(gpus, cards).has(gpu);
    return Promise.all(
      gpus.map(async (gpu) => {
        if (isCovered(gpu) || nowMs() - gpu.askedMs < REASK_MS) return gpu;
        return (await askForOne(gpu.listed).catch(() => undefined)) ?? gpu;
      }),
    );
  }

  async function readGpus(cards: readonly AmdCard[], firstIndex: number): Promise<SourceReading> {
    try {
      known = await renewed(known ?? (await find()), cards);
    } catch (error) {
      known = undefined;
      return unusable(message(error), await osReleaseOf(tools));
    }
    const matched = matchCards(known, cards);
    const devices = known.flatMap((gpu) => toDevice(gpu, { card: matched.get(gpu), firstIndex }));
    if (devices.length > 0) {
      const visible = devices.filter((device) => isVisibleToHip(device, tools.visibleHip));
      return { devices: visible.filter((device) => !isExcluded(device, exclude)) };
    }
    known = undefined;
    return unusable('the Vulkan driver of the GPU is not installed', await osReleaseOf(tools));
  }

  return {
    name: 'vulkan',
    async read() {
      if (hidesAll(tools.visibleVulkan)) return { devices: [] };
      const vendors = await tools.listPciVendors();
      const hasAmd = vendors.includes('amd') && !hidesAll(tools.visibleHip);
      const cards = hasAmd ? await readAmdCards(tools) : [];
      const hasCard = cards.some(hasOwnMemory);
      const firstIndex = vendors.includes('nvidia') ? INDEX_BESIDE_NVIDIA : 0;
      if (hasCard || vendors.includes('intel')) return readGpus(cards, firstIndex);
      if (!hasAmd || cards.length > 0) return { devices: [] };
      return {
        devices: [],
        unavailableReason:
          'An AMD GPU is on the PCI bus, but its driver is not loaded: run "sudo modprobe amdgpu".',
      };
    },
  };
}

const osReleaseOf = async (tools: GpuSources): Promise<string> =>
  (await tools.readOsRelease?.()) ?? '';

/** neuron uses NVIDIA GPUs through CUDA and through nothing else. */
const isNotNvidia = (name: string): boolean => !/nvidia|geforce|quadro|tesla/i.test(name);

const isAmd = ({ name }: EngineDevice): boolean => /amd|radeon|radv/i.test(name);

const hasOwnMemory = ({ totalMib }: AmdCard): boolean => (totalMib ?? 0) >= MIN_OWN_MIB;

const unusable = (cause: string, osRelease: string): SourceReading => {
  const remedy = gpuRemedy(cause, osRelease);
  return {
    devices: [],
    unavailableReason: `This machine has a GPU for Vulkan, but the engine cannot open it: ${cause.replace(/\.$/, '')}.${remedy === undefined ? '' : ` ${remedy}`}`,
    isFailure: true,
  };
};

/**
 * The AMD card of each GPU. Both lists follow the PCI bus, so they are matched by position if they have the same
 * length, with or without graphics units inside the processor; else not at all.
 */
function matchCards(
  gpus: readonly ListedGpu[],
  cards: readonly AmdCard[],
): ReadonlyMap<ListedGpu, AmdCard> {
  const pair = (some: readonly ListedGpu[], others: readonly AmdCard[]) =>
    some.length === others.length
      ? new Map(some.flatMap((gpu, at) => (others[at] ? [[gpu, others[at]] as const] : [])))
      : undefined;
  const all = gpus.filter(isAmd);
  const dedicated = all.filter(({ sharesRam }) => sharesRam !== true);
  return pair(all, cards) ?? pair(dedicated, cards.filter(hasOwnMemory)) ?? new Map();
}

/** `HIP_VISIBLE_DEVICES` counts AMD cards; a value that is not a list of numbers names them in another way. */
function isVisibleToHip({ env }: FoundDevice, visible: string | undefined): boolean {
  const card = env['HIP_VISIBLE_DEVICES'];
  if (visible === undefined || card === undefined) return true;
  const entries = entriesOf(visible);
  return !entries.every((entry) => /^\d+$/.test(entry)) || entries.includes(card);
}

function toDevice(
  gpu: ListedGpu,
  { card, firstIndex }: { readonly card: AmdCard | undefined; readonly firstIndex: number },
): FoundDevice[] {
  const isUsed = card ? hasOwnMemory(card) : gpu.sharesRam !== true;
  const totalMib = card?.totalMib ?? gpu.totalMib;
  if (!isUsed || totalMib === undefined) return [];
  const freeMib =
    card?.usedMib === undefined ? (gpu.freeMib ?? totalMib) : Math.floor(totalMib - card.usedMib);
  return [
    {
      index: firstIndex + (card?.index ?? gpu.listed),
      name: gpu.name,
      kind: 'vulkan',
      totalMib,
      freeMib,
      utilizationPct: card?.utilizationPct,
      tempC: card?.tempC,
      powerW: card?.powerW,
      energyJ: card?.energyJ,
      env: {
        GGML_VK_VISIBLE_DEVICES: String(gpu.listed),
        ...(card && { HIP_VISIBLE_DEVICES: String(card.index) }),
      },
    },
  ];
}
