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

function residentKib(pid: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Ids of the processes of a group. */
export const groupPids = (leaderPid: number): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && groupOf(name) === leaderPid)
    .map(Number);

/** RAM that the processes of a group use together, MiB; pages that they share are counted for each. */
export const groupRamMib = (leaderPid: number): number =>
  groupPids(leaderPid).reduce((sum, pid) => sum + residentKib(String(pid)), 0) / KIB_PER_MIB;
