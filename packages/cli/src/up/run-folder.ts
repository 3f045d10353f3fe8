import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A folder below `stateDir` for the ready files of this run, removed when the process exits.
 *
 * The next run removes the folder of a run that was killed. A run in another container, whose process is not
 * visible, may lose its folder without harm: ready files are read as soon as they are written.
 */
export function createRunFolder(stateDir: string): string {
  const runs = join(stateDir, 'up');
  mkdirSync(runs, { recursive: true });
  for (const name of readdirSync(runs)) {
    if (!isAlive(Number.parseInt(name, 10))) removeFolder(join(runs, name));
  }
  const folder = mkdtempSync(join(runs, `${process.pid}-`));
  process.on('exit', () => removeFolder(folder));
  return folder;
}

/** Processes of other runs that use `stateDir`. After a restart of the machine, one may be another program. */
export function otherRuns(stateDir: string): number[] {
  return readdirSync(join(stateDir, 'up'))
    .map((name) => Number.parseInt(name, 10))
    .filter((pid) => pid !== process.pid && isAlive(pid));
}

const removeFolder = (path: string): void => rmSync(path, { recursive: true, force: true });

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
