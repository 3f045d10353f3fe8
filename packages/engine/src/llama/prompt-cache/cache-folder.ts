import { mkdtemp, readdir, readFile, readlink, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MIB = 1024 * 1024;

/** A file system in RAM on every Linux. */
const RAM_ROOT = '/dev/shm';

/** Of each engine process: the file system it lies in outlives the process. */
const PREFIX = 'cortex-cells';

export interface CacheFolder {
  /** Readable by this user only; nobody else's. */
  readonly path: string;
  /** What may be written there: what was asked for, or what the file system has free where that is less. */
  readonly maxBytes: number;
}

/**
 * A folder in RAM for the saved cells of this process, and the end of those whose process is gone.
 *
 * Where there is no file system in RAM it lies in the folder for temporary files, and the log says so. Undefined, with a
 * line in the log, where that cannot be written either.
 */
export async function openCacheFolder(
  wantedMib: number,
  log: (line: string) => void,
  roots: readonly string[] = [RAM_ROOT, tmpdir()],
): Promise<CacheFolder | undefined> {
  const owner = await ownerOf(process.pid);
  const name = `${PREFIX}-${owner.space}-${process.pid}-${owner.startedAt}-`;
  for (const [index, root] of roots.entries()) {
    try {
      await removeDeadFolders(root, owner.space);
      const path = await mkdtemp(join(root, name));
      if (index > 0) log(`prompt cache: ${roots[0]} cannot be written, ${root} is used instead`);
      const { bavail, bsize } = await statfs(root);
      const freeMib = Math.floor((bavail * bsize) / MIB);
      if (freeMib < wantedMib)
        log(`prompt cache: ${root} has ${freeMib} MiB free, so it is that small, not ${wantedMib}`);
      return { path, maxBytes: Math.min(wantedMib, freeMib) * MIB };
    } catch {
      // The next one may be writable.
    }
  }
  log(`prompt cache: neither of ${roots.join(', ')} can be written, so there is none`);
  return undefined;
}

export async function removeCacheFolder({ path }: CacheFolder): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/**
 * Removes the folders of engines that were killed. Processes that cannot be seen from here (another container's) are
 * left alone: their numbers mean others.
 */
async function removeDeadFolders(root: string, space: string): Promise<void> {
  for (const name of await readdir(root)) {
    const [, pid, startedAt] = new RegExp(`^${PREFIX}-${space}-(\\d+)-(\\d+)-`).exec(name) ?? [];
    if (pid === undefined || (await ownerOf(Number(pid))).startedAt === startedAt) continue;
    // Another user's folder stays: it is theirs to remove.
    await rm(join(root, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

interface Owner {
  /** Number of the name space that the process number counts in; 0 where there are none. */
  readonly space: string;
  /** Clock ticks since boot: a number given to another process has another one. `gone`: there is no such process. */
  readonly startedAt: string;
}

async function ownerOf(pid: number): Promise<Owner> {
  const link = await readlink('/proc/self/ns/pid').catch(() => '');
  const space = /\d+/.exec(link)?.[0] ?? '0';
  const startedAt = await startOf(pid);
  return { space, startedAt };
}

/** The 22nd field of the process's `stat`, which begins `pid (name) `; a name may hold anything. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return isAlive(pid) ? '0' : 'gone';
  }
}

/** Where there is no `/proc`. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
