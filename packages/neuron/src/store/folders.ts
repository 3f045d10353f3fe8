import { rmdir } from 'node:fs/promises';
import { dirname, sep } from 'node:path';

export const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** Removes the folders above `path` that are empty, up to `root`, which stays. */
export async function removeEmptyFolders(path: string, root: string): Promise<void> {
  for (let folder = dirname(path); isBelow(folder, root); folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      // Not empty.
      return;
    }
  }
}
