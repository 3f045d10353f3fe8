/**
 * A cache in the layout of the Python tools, which share it:
 * `models--org--repo/{blobs/<checksum>, refs/<revision>, snapshots/<commit>/<path> → ../../blobs/<checksum>}`.
 */
import { link, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import type { FoundFile } from '../found-file.ts';
import { scanFolder } from '../scan-folder.ts';
import type { HubRepository } from './hub-client.ts';

/** Makes the names of drafts unique. */
let drafts = 0;

const COMMIT = /^[0-9a-f]{40}$/;

const repositoryFolder = (cacheDir: string, repo: string): string =>
  join(cacheDir, `models--${repo.replaceAll('/', '--')}`);

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    // Not in this cache.
    return undefined;
  }
}

/** The GGUF files that the cache has of a repository at a revision; empty if it does not know the revision. */
export async function cachedFiles(
  cacheDir: string,
  { repo, revision }: HubRepository,
): Promise<readonly FoundFile[]> {
  const folder = repositoryFolder(cacheDir, repo);
  const commit = COMMIT.test(revision) ? revision : await readText(join(folder, 'refs', revision));
  if (commit === undefined || !COMMIT.test(commit)) return [];
  return scanFolder(join(folder, 'snapshots', commit));
}

/** A file of a repository at a commit, and its place in the cache. */
export interface CacheEntry {
  readonly cacheDir: string;
  readonly repo: string;
  readonly commit: string;
  readonly path: string;
  /** The name of its blob. */
  readonly checksum: string;
}

export const blobPath = ({ cacheDir, repo, checksum }: CacheEntry): string =>
  join(repositoryFolder(cacheDir, repo), 'blobs', checksum);

/** Links the snapshot to its blob, as the Python tools do; returns the path in the snapshot. */
export async function linkSnapshot(entry: CacheEntry): Promise<string> {
  const { cacheDir, repo, commit, path } = entry;
  const snapshot = join(repositoryFolder(cacheDir, repo), 'snapshots', commit, path);
  const blob = blobPath(entry);
  await mkdir(dirname(snapshot), { recursive: true });
  // Other pulls may link the same file, and a link may be there whose blob was removed.
  const draft = `${snapshot}.${process.pid}.${(drafts += 1)}.tmp`;
  try {
    await symlink(relative(dirname(snapshot), blob), draft);
  } catch (error) {
    // A file system without symbolic links.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) throw error;
    await link(blob, draft);
  }
  await rename(draft, snapshot);
  return snapshot;
}

/** Notes that `revision` points to `commit`. A commit points to itself. */
export async function writeRef(
  cacheDir: string,
  { repo, revision }: HubRepository,
  commit: string,
): Promise<void> {
  if (COMMIT.test(revision)) return;
  const path = join(repositoryFolder(cacheDir, repo), 'refs', revision);
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.${(drafts += 1)}.tmp`;
  await writeFile(draft, commit);
  await rename(draft, path);
}
