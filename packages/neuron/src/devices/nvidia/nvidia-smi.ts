/** Parses the output of `nvidia-smi`. Pure. Every field may be missing; a missing field does not drop its device. */

import { withoutUndefined } from '@cortex/protocol';

/** One GPU as the driver reports it. Unknown values are absent. */
export interface NvidiaGpu {
  readonly index: number;
  readonly uuid?: string;
  readonly name: string;
  readonly totalMib?: number;
  readonly usedMib?: number;
  readonly freeMib?: number;
  readonly utilizationPct?: number;
  readonly tempC?: number;
  readonly powerW?: number;
  readonly driverVersion?: string;
  readonly computeCapability?: string;
}

/** The name comes last because it is the only field that may contain a comma. */
const BASIC_FIELDS = [
  'index',
  'uuid',
  'memory.total',
  'memory.used',
  'memory.free',
  'utilization.gpu',
  'temperature.gpu',
  'power.draw',
  'driver_version',
] as const;

/** Arguments for a query; drivers before 510 do not know `compute_cap` and refuse a query that has it. */
export function queryArguments(options: { readonly withComputeCapability: boolean }): string[] {
  const fields = [
    ...BASIC_FIELDS,
    ...(options.withComputeCapability ? ['compute_cap'] : []),
    'name',
  ];
  return [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'];
}

/** `[N/A]`, `[Not Supported]`, `[Unknown Error]`, `N/A` and the empty string mean unknown. */
function readText(field: string | undefined): string | undefined {
  const text = field?.trim() ?? '';
  return text === '' || text === 'N/A' || text.startsWith('[') ? undefined : text;
}

function readNumber(field: string | undefined): number | undefined {
  const text = readText(field);
  if (text === undefined) return undefined;
  const number = Number.parseFloat(text);
  return Number.isFinite(number) ? number : undefined;
}

function parseLine(line: string, withComputeCapability: boolean, position: number): NvidiaGpu {
  const fields = line.split(',');
  const nameAt = BASIC_FIELDS.length + (withComputeCapability ? 1 : 0);
  const [index, uuid, total, used, free, utilization, temp, power, driver] = fields;
  return withoutUndefined({
    index: readNumber(index) ?? position,
    name: readText(fields.slice(nameAt).join(',')) ?? 'NVIDIA GPU',
    uuid: readText(uuid),
    totalMib: readNumber(total),
    usedMib: readNumber(used),
    freeMib: readNumber(free),
    utilizationPct: readNumber(utilization),
    tempC: readNumber(temp),
    powerW: readNumber(power),
    driverVersion: readText(driver),
    computeCapability: withComputeCapability ? readText(fields[nameAt - 1]) : undefined,
  });
}

/** The GPUs in the answer to a query with `queryArguments`. */
export function parseGpus(
  stdout: string,
  options: { readonly withComputeCapability: boolean },
): NvidiaGpu[] {
  return stdout
    .split('\n')
    .filter((line) => line.split(',').length > BASIC_FIELDS.length)
    .map((line, position) => parseLine(line, options.withComputeCapability, position));
}

/** The newest CUDA that the driver supports, from the table that `nvidia-smi` prints without arguments. */
export const parseCudaVersion = (stdout: string): string | undefined =>
  /CUDA (?:UMD )?Version:\s*(\d+(?:\.\d+)*)/.exec(stdout)?.[1];

/** Version of the loaded kernel module, from `/proc/driver/nvidia/version`. */
export const parseKernelModule = (text: string): string | undefined =>
  /Kernel Module\s+(?:for \S+\s+)?(\d+(?:\.\d+)+)/.exec(text)?.[1];

/** Explains a failed `nvidia-smi` to the operator in one sentence, with the remedy. */
export function explainFailure(output: string, kernelModule: string | undefined): string {
  if (/Driver\/library version mismatch/i.test(output)) {
    const library = /(?:NVML|library) version:?\s*([\d.]+\d)/i.exec(output)?.[1];
    const versions = [
      kernelModule === undefined ? undefined : `kernel module ${kernelModule}`,
      library === undefined ? undefined : `library ${library}`,
    ].filter((text) => text !== undefined);
    const detail = versions.length === 0 ? '' : ` (${versions.join(', ')})`;
    return `The NVIDIA driver was updated while its old kernel module is still loaded${detail}: reboot this machine.`;
  }
  if (/couldn't communicate with the NVIDIA driver/i.test(output)) {
    return 'This machine has an NVIDIA GPU, but the kernel module of its driver is not loaded: run "sudo modprobe nvidia", or install the driver.';
  }
  if (/No devices were found/i.test(output)) {
    return 'The NVIDIA driver is loaded but finds no GPU that it can use: see "sudo dmesg | grep NVRM".';
  }
  const first = output.trim().split('\n')[0] ?? '';
  return `nvidia-smi failed: ${first === '' ? 'no output' : first}`;
}
