/** Removes files from a Hugging Face cache, so that the Python tools still find it in order. */
import { readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { isBelow, removeEmptyFolders } from '../folders.ts';

/** A file of a cache: `<repository>/snapshots/<commit>/<path>`. */
interface SnapshotPath {
  readonly path: string;
  /** The folder of the repository. */
  readonly repository: string;
  readonly commit: string;
}

/** The parts of a path into a snapshot; undefined for other paths. */
export function readSnapshotPath(path: string): SnapshotPath | undefined {
  const [, repository, commit] = /^(.*\/models--[^/]+)\/snapshots\/([^/]+)\/./.exec(path) ?? [];
  return repository === undefined || commit === undefined
    ? undefined
    : { path, repository, commit };
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

const resolved = (path: string): Promise<string | undefined> =>
  realpath(path).catch(() => undefined);

/** Names that point to a commit of which nothing is left. */
async function removeRefs({ repository, commit }: SnapshotPath, root: string): Promise<void> {
  if (await stat(join(repository, 'snapshots', commit)).catch(() => undefined)) return;
  for (const ref of await filesBelow(join(repository, 'refs'))) {
    const text = await readFile(ref, 'utf8').catch(() => '');
    if (text.trim() !== commit) continue;
    await rm(ref, { force: true });
    await removeEmptyFolders(ref, root);
  }
}

/**
 * Removes a file from its snapshot, its blob if no other snapshot uses it, and the names of a snapshot that is empty
 * then.
 *
 * @param root - The cache; it stays if it is empty.
 * @returns whether the bytes of the file were removed
 */
export async function removeFromSnapshot(snapshot: SnapshotPath, root: string): Promise<boolean> {
  const { path, repository } = snapshot;
  const blob = await resolved(path);
  await rm(path, { force: true });
  await removeEmptyFolders(path, root);
  await removeRefs(snapshot, root);
  const blobs = await resolved(join(repository, 'blobs'));
  if (blob === undefined || blobs === undefined || !isBelow(blob, blobs)) return blob === path;
  const others = await Promise.all((await filesBelow(join(repository, 'snapshots'))).map(resolved));
  if (others.includes(blob)) return false;
  await rm(blob, { force: true });
  await removeEmptyFolders(join(repository, 'blobs', 'any'), root);
  return true;
}
