import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, hostname, release, totalmem } from 'node:os';

const MIB = 1 << 20;

/** What does not change while the machine runs. */
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
    // Not a Linux distribution: the platform's name has to do.
    return process.platform;
  }
}

/** A container may see the whole machine's memory and be given a part of it. */
function memoryLimitMib(): number {
  try {
    const limit = Number(readFileSync('/sys/fs/cgroup/memory.max', 'utf8'));
    return Number.isFinite(limit) ? Math.floor(limit / MIB) : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Reads the host once. `cores` are those this process may use. */
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

/** Room on the file systems of `paths`; one that does not exist (yet) is left out. */
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
