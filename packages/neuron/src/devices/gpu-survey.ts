/** The GPUs of this machine, and why any of them cannot be used. */
import { readFile } from 'node:fs/promises';

import {
  explainFailure,
  type NvidiaGpu,
  parseCudaVersion,
  parseGpus,
  parseKernelModule,
  queryArguments,
} from './nvidia-smi.ts';
import { listPciGpuVendors } from './pci-gpus.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import { hidesAll, visibleGpus } from './visible-devices.ts';

export interface GpuSurvey {
  /** As the driver reports them: the GPUs visible to the daemon, excluded ones included. */
  readonly gpus: readonly NvidiaGpu[];
  /** Why a visible GPU cannot be used; absent if all can be used or there is none. */
  readonly unavailableReason?: string | undefined;
  /** The driver is installed but gave no valid answer. Its earlier answer may still be valid. */
  readonly isFailure?: true | undefined;
}

export interface GpuSources {
  readonly runNvidiaSmi: (args: readonly string[]) => Promise<CommandResult | undefined>;
  readonly readKernelModule: () => Promise<string>;
  readonly listPciVendors: () => Promise<readonly ('nvidia' | 'amd')[]>;
  /** `CUDA_VISIBLE_DEVICES` of the daemon; absent: every GPU is visible. */
  readonly visibleCuda?: string | undefined;
  /** `HIP_VISIBLE_DEVICES` of the daemon. */
  readonly visibleHip?: string | undefined;
}

/** This machine. */
export const LOCAL_GPU_SOURCES: GpuSources = {
  runNvidiaSmi: (args) => runCommand('nvidia-smi', args),
  readKernelModule: () => readFile('/proc/driver/nvidia/version', 'utf8').catch(() => ''),
  listPciVendors: () => listPciGpuVendors(),
  visibleCuda: process.env['CUDA_VISIBLE_DEVICES'],
  visibleHip: process.env['HIP_VISIBLE_DEVICES'],
};

const hasAnswered = (result: CommandResult): boolean => result.code === 0;

async function withoutTool(sources: GpuSources): Promise<GpuSurvey> {
  const vendors = await sources.listPciVendors();
  if (vendors.includes('nvidia') && !hidesAll(sources.visibleCuda)) {
    return {
      gpus: [],
      unavailableReason:
        'An NVIDIA GPU is on the PCI bus, but its driver (nvidia-smi) is not installed: install the NVIDIA driver of your distribution.',
    };
  }
  if (vendors.includes('amd') && !hidesAll(sources.visibleHip)) {
    return {
      gpus: [],
      unavailableReason: 'An AMD GPU is on the PCI bus. neuron cannot use AMD GPUs yet.',
    };
  }
  return { gpus: [] };
}

/** Queries the driver. Takes as long as `nvidia-smi`, so call it only in the background. */
export async function surveyGpus(sources: GpuSources): Promise<GpuSurvey> {
  if (hidesAll(sources.visibleCuda)) return withoutTool(sources);
  let withComputeCapability = true;
  let answer = await sources.runNvidiaSmi(queryArguments({ withComputeCapability }));
  if (!answer) return withoutTool(sources);
  if (!hasAnswered(answer) && /not a valid field/i.test(answer.stdout + answer.stderr)) {
    withComputeCapability = false;
    answer = (await sources.runNvidiaSmi(queryArguments({ withComputeCapability }))) ?? answer;
  }
  const output = answer.stdout + answer.stderr;
  if (!hasAnswered(answer) || /No devices were found/i.test(output)) {
    const isHung = answer.code === undefined;
    const kernelModule = parseKernelModule(await sources.readKernelModule());
    const unavailableReason = isHung
      ? 'nvidia-smi does not answer: the driver hangs, see "sudo dmesg | grep NVRM".'
      : explainFailure(output, kernelModule);
    const isAbsent =
      /couldn't communicate|No devices were found/i.test(output) &&
      !(await sources.listPciVendors()).includes('nvidia');
    return { gpus: [], unavailableReason, isFailure: isAbsent ? undefined : true };
  }
  const gpus = parseGpus(answer.stdout, { withComputeCapability });
  return { gpus: visibleGpus(gpus, sources.visibleCuda) };
}

/** The newest CUDA that the driver supports; undefined if it does not report one. */
export const readCudaVersion = async (sources: GpuSources): Promise<string | undefined> =>
  parseCudaVersion((await sources.runNvidiaSmi([]))?.stdout ?? '');
