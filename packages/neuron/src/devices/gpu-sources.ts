/** Where facts about the GPUs of this machine come from. Tests replace them by recorded output. */
import { readFile } from 'node:fs/promises';

import type { PciGpuVendor } from './pci-gpus.ts';
import { listPciGpuVendors } from './pci-gpus.ts';
import { type CommandResult, runCommand } from './run-command.ts';

/** Runs a tool; undefined if it is not installed. */
type RunTool = (args: readonly string[]) => Promise<CommandResult | undefined>;

export interface GpuSources {
  readonly runNvidiaSmi: RunTool;
  readonly readKernelModule: () => Promise<string>;
  readonly listPciVendors: () => Promise<readonly PciGpuVendor[]>;
  readonly runAmdSmi?: RunTool | undefined;
  readonly runRocmSmi?: RunTool | undefined;
  /** The folder with the cards of sysfs; absent: there is none. */
  readonly drmRoot?: string | undefined;
  /** The text of `/etc/os-release`; absent: unknown. */
  readonly readOsRelease?: (() => Promise<string>) | undefined;
  /** Whether this is a Mac with Apple silicon, whose GPU is used through Metal. */
  readonly hasMetal?: boolean | undefined;
  /** `CUDA_VISIBLE_DEVICES` of the daemon; absent: every GPU is visible. */
  readonly visibleCuda?: string | undefined;
  /** `HIP_VISIBLE_DEVICES` of the daemon. */
  readonly visibleHip?: string | undefined;
  /** `GGML_VK_VISIBLE_DEVICES` of the daemon. */
  readonly visibleVulkan?: string | undefined;
}

/** This machine. */
export const LOCAL_GPU_SOURCES: GpuSources = {
  runNvidiaSmi: (args) => runCommand('nvidia-smi', args),
  readKernelModule: () => readFile('/proc/driver/nvidia/version', 'utf8').catch(() => ''),
  listPciVendors: () => listPciGpuVendors(),
  runAmdSmi: (args) => runCommand('amd-smi', args),
  runRocmSmi: (args) => runCommand('rocm-smi', args),
  drmRoot: '/sys/class/drm',
  readOsRelease: () => readFile('/etc/os-release', 'utf8').catch(() => ''),
  hasMetal: process.platform === 'darwin' && process.arch === 'arm64',
  visibleCuda: process.env['CUDA_VISIBLE_DEVICES'],
  visibleHip: process.env['HIP_VISIBLE_DEVICES'] ?? process.env['ROCR_VISIBLE_DEVICES'],
  visibleVulkan: process.env['GGML_VK_VISIBLE_DEVICES'],
};
