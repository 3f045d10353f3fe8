import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, hostname, release, totalmem } from 'node:os';
import { join } from 'node:path';

const MIB = 1 << 20;

/** Facts that do not change while the machine runs. */
export interface HostFacts {
  readonly hostname: string;
  readonly os: string;
  readonly kernel: string;
  readonly arch: string;
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly ramTotalMib: number;
}

export interface StorageFacts {
  readonly path: string;
  readonly freeMib: number;
  readonly totalMib: number;
}

function prettyOsName(): string {
  try {
    const text = readFileSync('/etc/os-release', 'utf8');
    return /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(text)?.[1] ?? process.platform;
  } catch {
    // Not a Linux distribution.
    return process.platform;
  }
}

const CGROUP = '/sys/fs/cgroup';

function readCgroup(name: string, folder: string): string | undefined {
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch {
    return undefined;
  }
}

/** The memory limit of this control group. A container may see more memory than it may use. */
function memoryLimitMib(folder: string = CGROUP): number {
  const limit = Number(readCgroup('memory.max', folder) ?? 'max');
  return Number.isFinite(limit) ? Math.floor(limit / MIB) : Number.POSITIVE_INFINITY;
}

/** RAM that this process can still take, MiB. Includes the page cache, which the kernel gives back on demand. */
export function readFreeRamMib(cgroupFolder: string = CGROUP): number {
  const used = Number(readCgroup('memory.current', cgroupFolder) ?? 0);
  const stat = readCgroup('memory.stat', cgroupFolder) ?? '';
  const reclaimable = Number(/^inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0);
  const leftMib = memoryLimitMib(cgroupFolder) - (used - reclaimable) / MIB;
  return Math.max(0, Math.floor(Math.min(freemem() / MIB, leftMib)));
}

/** Reads the facts of the host. `cores` counts the cores that this process may use. */
export function readHostFacts(): HostFacts {
  return {
    hostname: hostname(),
    os: prettyOsName(),
    kernel: release(),
    arch: process.arch,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() },
    ramTotalMib: Math.min(Math.floor(totalmem() / MIB), memoryLimitMib()),
  };
}

/** Free and total space of the file systems of `paths`. A path that does not exist is left out. */
export async function readStorage(paths: readonly string[]): Promise<StorageFacts[]> {
  const found = await Promise.all(
    paths.map(async (path) => {
      const stats = await statfs(path).catch(() => undefined);
      if (!stats) return [];
      return [
        {
          path,
          freeMib: Math.floor((stats.bavail * stats.bsize) / MIB),
          totalMib: Math.floor((stats.blocks * stats.bsize) / MIB),
        },
      ];
    }),
  );
  return found.flat();
}
