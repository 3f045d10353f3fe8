import { realpath, rmdir } from 'node:fs/promises';
import { dirname, sep } from 'node:path';

export const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/**
 * Whether removing these files removes nothing outside `root`: the folders of the files, with their links resolved,
 * are below it. The files themselves may be links.
 */
export async function areInside(paths: readonly string[], root: string): Promise<boolean> {
  const realRoot = await realpath(root).catch(() => root);
  const folders = await Promise.all(
    paths.map((path) => realpath(dirname(path)).catch(() => undefined)),
  );
  return folders.every(
    (folder) => folder !== undefined && (folder === realRoot || isBelow(folder, realRoot)),
  );
}

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
