import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A folder below `stateDir` for what the daemons of this run tell it, removed when the process exits.
 *
 * A run that was killed could not remove its own: the next one does. One that lives where its process cannot be seen
 * (another container) loses nothing by it: ready files are read as soon as they are written, in folders made anew.
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

const removeFolder = (path: string): void => rmSync(path, { recursive: true, force: true });

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
