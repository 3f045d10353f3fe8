/** Which GPUs this machine has, and why they cannot be used where they cannot. */
import { readFile } from 'node:fs/promises';

import type { EngineDevice } from '@cortex/engine';

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

export interface GpuSurvey {
  /** As the driver reports them, excluded ones too. */
  readonly gpus: readonly NvidiaGpu[];
  readonly cudaVersion?: string;
  /** Why a GPU that is visible cannot be used; absent when all is well or there is none. */
  readonly unavailableReason?: string;
}

export interface GpuSources {
  readonly runNvidiaSmi: (args: readonly string[]) => Promise<CommandResult | undefined>;
  readonly readKernelModule: () => Promise<string>;
  readonly listPciVendors: () => Promise<readonly ('nvidia' | 'amd')[]>;
}

/** This machine. */
export const LOCAL_GPU_SOURCES: GpuSources = {
  runNvidiaSmi: (args) => runCommand('nvidia-smi', args),
  readKernelModule: () => readFile('/proc/driver/nvidia/version', 'utf8').catch(() => ''),
  listPciVendors: () => listPciGpuVendors(),
};

const hasAnswered = (result: CommandResult): boolean => result.code === 0;

async function withoutTool(sources: GpuSources): Promise<GpuSurvey> {
  const vendors = await sources.listPciVendors();
  if (vendors.includes('nvidia')) {
    return {
      gpus: [],
      unavailableReason:
        'An NVIDIA GPU is on the PCI bus, but its driver (nvidia-smi) is not installed: install the NVIDIA driver of your distribution.',
    };
  }
  if (vendors.includes('amd')) {
    return {
      gpus: [],
      unavailableReason: 'An AMD GPU is on the PCI bus; neuron can use NVIDIA GPUs only, so far.',
    };
  }
  return { gpus: [] };
}

/** Asks the driver. Takes as long as `nvidia-smi` takes; for the background only. */
export async function surveyGpus(sources: GpuSources): Promise<GpuSurvey> {
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
    return { gpus: [], unavailableReason };
  }
  const table = await sources.runNvidiaSmi([]);
  const cudaVersion = parseCudaVersion(table?.stdout ?? '');
  return {
    gpus: parseGpus(answer.stdout, { withComputeCapability }),
    ...(cudaVersion !== undefined && { cudaVersion }),
  };
}

/**
 * Why the engine cannot use the NVIDIA GPUs that the driver shows; undefined when it can.
 *
 * @param probe - Asks the engine which devices it sees.
 */
export async function explainEngineBlindness(
  probe: () => Promise<readonly EngineDevice[]>,
): Promise<string | undefined> {
  try {
    const devices = await probe();
    if (devices.some(({ backend }) => backend === 'cuda')) return undefined;
    return 'The driver shows an NVIDIA GPU, but the engine has no CUDA backend here: run "npm install" without --omit=optional.';
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return `The driver shows an NVIDIA GPU, but the engine cannot open it: ${cause}`;
  }
}
