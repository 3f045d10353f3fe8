/** Removes the files of a model from the disk. */
import { lstat, rm, stat } from 'node:fs/promises';

import { removeEmptyFolders } from './folders.ts';
import { readSnapshotPath, removeFromSnapshot } from './hub/remove-snapshot.ts';

export interface Removal {
  /** The paths that were removed. */
  readonly files: readonly string[];
  readonly freedBytes: number;
}

/** Removes one file; of a link the link alone. Returns whether its bytes were removed. */
async function removePlain(path: string, root: string): Promise<boolean> {
  const isFile = (await lstat(path).catch(() => undefined))?.isFile() === true;
  await rm(path, { force: true });
  await removeEmptyFolders(path, root);
  return isFile;
}

/**
 * Removes files below `root`, and the folders that are empty then. In a Hugging Face cache, the blob goes with the
 * last snapshot that uses it.
 *
 * @throws the error of the file system
 */
export async function removeFiles(paths: readonly string[], root: string): Promise<Removal> {
  let freedBytes = 0;
  for (const path of paths) {
    const sizeBytes = (await stat(path).catch(() => undefined))?.size ?? 0;
    const snapshot = readSnapshotPath(path);
    const isFreed = snapshot
      ? await removeFromSnapshot(snapshot, root)
      : await removePlain(path, root);
    if (isFreed) freedBytes += sizeBytes;
  }
  return { files: [...paths], freedBytes };
}
