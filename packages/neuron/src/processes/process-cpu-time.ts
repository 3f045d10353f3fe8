import { readFileSync } from 'node:fs';

/** Fields of `/proc/<pid>/stat` after the command (proc(5)): time in user and in kernel mode. */
const USER_TIME_FIELD = 11;
const SYSTEM_TIME_FIELD = 12;
/** Linux counts in hundredths of a second on every machine (USER_HZ). */
const MS_PER_TICK = 10;

/** CPU time of a process in milliseconds; undefined if the system does not report it. */
export function processCpuMs(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[USER_TIME_FIELD]) + Number(fields[SYSTEM_TIME_FIELD]);
    return Number.isFinite(ticks) ? ticks * MS_PER_TICK : undefined;
  } catch {
    return undefined;
  }
}
