import { readFileSync } from 'node:fs';

/** Fields of `/proc/<pid>/stat` after the command, which may itself hold spaces and parentheses (proc(5)). */
const START_TIME_FIELD = 19;

/**
 * When a process was started, as text that is equal for the same process only; undefined when there is none.
 *
 * @param pid - Of any process; the text is clock ticks since boot, from `/proc`.
 */
export function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; only its parent has not looked yet.
    return fields[0] === 'Z' ? undefined : fields[START_TIME_FIELD];
  } catch {
    return undefined;
  }
}
