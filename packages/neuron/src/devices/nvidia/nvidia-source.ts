/** NVIDIA GPUs, from `nvidia-smi`. */
import type { FoundDevice, DeviceCheck, DeviceSource, SourceReading } from '../device-source.ts';
import type { GpuSources } from '../gpu-sources.ts';
import { isExcluded, type Exclusions } from '../exclusions.ts';
import type { CommandResult } from '../run-command.ts';
import { hidesAll, visibleDevices } from '../visible-devices.ts';
import { mayHaveMig, type MigGpu, parseMig } from './mig.ts';
import {
  explainFailure,
  type NvidiaGpu,
  parseCudaVersion,
  parseGpus,
  parseKernelModule,
  queryArguments,
} from './nvidia-smi.ts';

type NvidiaTools = Pick<
  GpuSources,
  'runNvidiaSmi' | 'readKernelModule' | 'listPciVendors' | 'visibleCuda'
>;

export interface NvidiaSourceOptions {
  readonly tools: NvidiaTools;
  readonly exclude: Exclusions;
  /** MiB of RAM, the memory of a GPU that has none of its own. */
  readonly ramTotalMib: number;
  readonly check: DeviceCheck;
}

/** Index of the first instance of GPU 0; GPU 1 has the next hundred. The indexes of GPUs stay those of nvidia-smi. */
const MIG_INDEX_STEP = 100;

const hasAnswered = (result: CommandResult): boolean => result.code === 0;

/** The GPUs that `nvidia-smi` shows, an instance of MIG as a device of its own. */
export function createNvidiaSource(options: NvidiaSourceOptions): DeviceSource {
  const { tools, check } = options;
  let cudaVersion: string | undefined;

  async function readGpus(): Promise<SourceReading> {
    const query = await queryGpus(tools);
    if (query.kind === 'problem') return query.reading;
    const { gpus, problem } = await withInstances(query.gpus, options);
    const visible = visibleDevices(gpus, tools.visibleCuda);
    const devices = visible.filter((device) => !isExcluded(device, options.exclude));
    return { devices, unavailableReason: problem };
  }

  return {
    name: 'nvidia-smi',
    check,
    async read() {
      if (hidesAll(tools.visibleCuda)) return { devices: [] };
      const reading = await readGpus();
      if (reading.devices.length > 0) {
        cudaVersion ??= parseCudaVersion((await tools.runNvidiaSmi([]))?.stdout ?? '');
      }
      return { ...reading, cudaVersion };
    },
  };
}

type Query =
  | { readonly kind: 'gpus'; readonly gpus: readonly NvidiaGpu[] }
  | { readonly kind: 'problem'; readonly reading: SourceReading };

const problem = (unavailableReason: string | undefined, isFailure?: true): Query => ({
  kind: 'problem',
  reading: { devices: [], unavailableReason, isFailure },
});

async function queryGpus(tools: NvidiaTools): Promise<Query> {
  let withComputeCapability = true;
  let answer = await tools.runNvidiaSmi(queryArguments({ withComputeCapability }));
  if (!answer) return problem(await reasonWithoutTool(tools));
  if (!hasAnswered(answer) && /not a valid field/i.test(answer.stdout + answer.stderr)) {
    withComputeCapability = false;
    answer = (await tools.runNvidiaSmi(queryArguments({ withComputeCapability }))) ?? answer;
  }
  const output = answer.stdout + answer.stderr;
  if (hasAnswered(answer) && !/No devices were found/i.test(output)) {
    return { kind: 'gpus', gpus: parseGpus(answer.stdout, { withComputeCapability }) };
  }
  if (answer.code === undefined) {
    return problem(
      'nvidia-smi does not answer: the driver hangs, see "sudo dmesg | grep NVRM".',
      true,
    );
  }
  const kernelModule = parseKernelModule(await tools.readKernelModule());
  const isAbsent =
    /couldn't communicate|No devices were found/i.test(output) &&
    !(await tools.listPciVendors()).includes('nvidia');
  return problem(explainFailure(output, kernelModule), isAbsent ? undefined : true);
}

async function reasonWithoutTool({ listPciVendors }: NvidiaTools): Promise<string | undefined> {
  if (!(await listPciVendors()).includes('nvidia')) return undefined;
  return 'An NVIDIA GPU is on the PCI bus, but its driver (nvidia-smi) is not installed: install the NVIDIA driver of your distribution.';
}

/** Replaces a GPU in MIG mode by its instances; CUDA cannot open such a GPU as a whole. */
async function withInstances(
  gpus: readonly NvidiaGpu[],
  { tools, ramTotalMib }: NvidiaSourceOptions,
): Promise<{ readonly gpus: readonly FoundDevice[]; readonly problem: string | undefined }> {
  const mig = gpus.some(mayHaveMig) ? await readMig(tools) : new Map<string, MigGpu>();
  const parts = gpus.map((gpu) => {
    const state = mig.get(gpu.uuid ?? '');
    return state?.isEnabled === true
      ? { gpu, devices: instancesOf(gpu, state), isEmpty: state.instances.length === 0 }
      : { gpu, devices: [toDevice(gpu, ramTotalMib)], isEmpty: false };
  });
  const empty = parts.filter(({ isEmpty }) => isEmpty).map(({ gpu }) => gpu.index);
  return {
    gpus: parts.flatMap(({ devices }) => devices),
    problem:
      empty.length === 0
        ? undefined
        : `GPU ${empty.join(', ')} is in MIG mode and has no instances: create them with "sudo nvidia-smi mig -cgi", or turn the mode off with "sudo nvidia-smi -i ${empty[0]} -mig 0".`,
  };
}

async function readMig(tools: NvidiaTools): Promise<ReadonlyMap<string, MigGpu>> {
  const xml = await tools.runNvidiaSmi(['-q', '-x']);
  const listing = await tools.runNvidiaSmi(['-L']);
  return parseMig(xml?.stdout ?? '', listing?.stdout ?? '');
}

const toDevice = (gpu: NvidiaGpu, ramTotalMib: number): FoundDevice => ({
  index: gpu.index,
  uuid: gpu.uuid,
  name: gpu.name,
  kind: 'cuda',
  // A GPU without a figure has no memory of its own; the ledger then counts it as RAM.
  totalMib: gpu.totalMib ?? ramTotalMib,
  freeMib: gpu.totalMib === undefined ? undefined : gpu.freeMib,
  utilizationPct: gpu.utilizationPct,
  tempC: gpu.tempC,
  powerW: gpu.powerW,
  computeCapability: gpu.computeCapability,
  driverVersion: gpu.driverVersion,
  env: { CUDA_VISIBLE_DEVICES: gpu.uuid ?? String(gpu.index) },
});

/** Power and temperature are those of the whole GPU, so its instances have none. */
const instancesOf = (gpu: NvidiaGpu, { instances }: MigGpu): readonly FoundDevice[] =>
  instances.flatMap(({ index, uuid, profile, totalMib, freeMib }) => {
    if (totalMib === undefined) return [];
    return {
      index: (gpu.index + 1) * MIG_INDEX_STEP + index,
      uuid,
      name: `${gpu.name} MIG ${profile}`,
      kind: 'cuda' as const,
      totalMib,
      freeMib: freeMib ?? totalMib,
      computeCapability: gpu.computeCapability,
      driverVersion: gpu.driverVersion,
      env: { CUDA_VISIBLE_DEVICES: uuid },
      isPartition: true as const,
    };
  });
