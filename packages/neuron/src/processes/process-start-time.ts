import { readFileSync } from 'node:fs';

/** Fields of `/proc/<pid>/stat` after the command, which may itself hold spaces and parentheses (proc(5)). */
const START_TIME_FIELD = 19;

/**
 * The start time of a process, as text that is unique per process; undefined if there is no such process.
 *
 * @param pid - Id of any process; the text is clock ticks since boot, from `/proc`.
 */
export function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended but has not been reaped by its parent.
    return fields[0] === 'Z' ? undefined : fields[START_TIME_FIELD];
  } catch {
    return undefined;
  }
}
