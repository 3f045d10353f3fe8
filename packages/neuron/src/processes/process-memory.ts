import { readdirSync, readFileSync } from 'node:fs';

/** Field of `/proc/<pid>/stat` after the command: the process group (proc(5)). */
const GROUP_FIELD = 2;
const KIB_PER_MIB = 1024;

function groupOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[GROUP_FIELD]);
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

function listPids(): readonly string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    // Not Linux.
    return [];
  }
}

/** RAM in use by a process, MiB, with the pages of files that it has mapped; undefined if the system does not report it. */
export function processRamMib(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) / KIB_PER_MIB;
  } catch {
    return undefined;
  }
}

/** Ids of the processes of a group; none if the system does not list them. */
export const groupPids = (leaderPid: number): readonly number[] =>
  listPids()
    .filter((name) => groupOf(name) === leaderPid)
    .map(Number);

/**
 * RAM that the processes of a group use together, MiB; pages that they share are counted for each. Undefined if the
 * system does not report it.
 */
export function groupRamMib(leaderPid: number): number | undefined {
  const parts = groupPids(leaderPid).flatMap((pid) => processRamMib(pid) ?? []);
  return parts.length === 0 ? undefined : parts.reduce((sum, mib) => sum + mib, 0);
}
