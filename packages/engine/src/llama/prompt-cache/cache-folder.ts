import { mkdtemp, readdir, readFile, readlink, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MIB = 1024 * 1024;

/** A RAM file system on every Linux host. */
const RAM_ROOT = '/dev/shm';

/** Name of the folder of one engine process. The file system outlives the process. */
const PREFIX = 'cortex-cells';

export interface CacheFolder {
  /** Readable only by this user. */
  readonly path: string;
  /** Size limit: the requested size, or the free space of the file system if that is less. */
  readonly maxBytes: number;
}

/**
 * Creates a folder in RAM for the saved cells of this process, and removes those of processes that are gone.
 *
 * Without a RAM file system the temporary folder is used, and logged. Undefined, with a log line, if neither is
 * writable.
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
      if (index > 0) log(`prompt cache: ${roots[0]} is not writable, ${root} is used instead`);
      const { bavail, bsize } = await statfs(root);
      const freeMib = Math.floor((bavail * bsize) / MIB);
      if (freeMib < wantedMib)
        log(
          `prompt cache: limited to ${freeMib} MiB instead of ${wantedMib}, because ${root} has no more free space`,
        );
      return { path, maxBytes: Math.min(wantedMib, freeMib) * MIB };
    } catch {
      // The next one may be writable.
    }
  }
  log(`prompt cache: disabled, because none of ${roots.join(', ')} is writable`);
  return undefined;
}

export async function removeCacheFolder({ path }: CacheFolder): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/**
 * Removes the folders of engines that were killed. Those of another PID namespace (another container) are kept, because
 * their PIDs cannot be checked here.
 */
async function removeDeadFolders(root: string, space: string): Promise<void> {
  for (const name of await readdir(root)) {
    const [, pid, startedAt] = new RegExp(`^${PREFIX}-${space}-(\\d+)-(\\d+)-`).exec(name) ?? [];
    if (pid === undefined || (await ownerOf(Number(pid))).startedAt === startedAt) continue;
    // The folder of another user cannot be removed here.
    await rm(join(root, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

interface Owner {
  /** The PID namespace of this process; 0 if there are none. */
  readonly space: string;
  /**
   * Start time of a process in clock ticks since boot, which differs if its PID was reused. `gone`: no such process.
   */
  readonly startedAt: string;
}

async function ownerOf(pid: number): Promise<Owner> {
  const link = await readlink('/proc/self/ns/pid').catch(() => '');
  const space = /\d+/.exec(link)?.[0] ?? '0';
  const startedAt = await startOf(pid);
  return { space, startedAt };
}

/** The 22nd field of the process's `stat`, which starts with `pid (name) `; the name may contain any character. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return isAlive(pid) ? '0' : 'gone';
  }
}

/** Used without `/proc`. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
