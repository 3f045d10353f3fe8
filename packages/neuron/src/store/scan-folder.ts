import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { FoundFile } from './found-file.ts';

/**
 * `models_dir/org/repo/quant/file` and a Hugging Face cache fit; a link to `/` does not make the scan walk the
 * whole machine.
 */
const MAX_DEPTH = 8;

/**
 * Never a model: hidden files (macOS writes `._a.gguf` to foreign disks), hidden folders, and names that requests
 * and log lines cannot contain.
 */
const isIgnored = (name: string): boolean =>
  name.startsWith('.') || /[\p{Cc}\p{Zl}\p{Zp}]/u.test(name);

/** Extensions of the files that download programs create beside an unfinished file. */
const PARTIAL_MARKS = ['.aria2', '.part', '.partial', '.crdownload', '.download', '.incomplete'];

/** Whether an error means that a file does not exist or is not readable. */
function isAbsence(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP'].includes(String(error.code))
  );
}

/** The result of `action`; undefined if the file does not exist or is not readable, so it is not listed. */
async function ifPresent<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/**
 * Every GGUF below `root`. Follows links, visits each folder once. An unreadable folder counts as empty.
 *
 * Only regular files count, not a folder, a pipe or a dangling link whose name ends in `.gguf`.
 *
 * @param maxDepth - 0: the files of the folder itself.
 */
export async function scanFolder(root: string, maxDepth = MAX_DEPTH): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const visited = new Set<string>();

  async function visit(folder: string, prefix: string, depth: number): Promise<void> {
    const real = await ifPresent(realpath(folder));
    if (real === undefined || visited.has(real) || depth > maxDepth) return;
    visited.add(real);
    const entries = (await ifPresent(readdir(folder, { withFileTypes: true }))) ?? [];
    const names = new Set(entries.map(({ name }) => name));
    for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name))) {
      if (isIgnored(entry.name)) continue;
      const path = join(folder, entry.name);
      const isFile = entry.name.toLowerCase().endsWith('.gguf');
      if (!isFile && !entry.isDirectory() && !entry.isSymbolicLink()) continue;
      const stats = await ifPresent(stat(path));
      if (stats?.isDirectory()) await visit(path, `${prefix}${entry.name}/`, depth + 1);
      else if (stats?.isFile() && isFile) {
        found.push({
          relativePath: prefix + entry.name,
          path,
          sizeBytes: stats.size,
          modifiedMs: stats.mtimeMs,
          isPartial: PARTIAL_MARKS.some((mark) => names.has(entry.name + mark)),
        });
      }
    }
  }

  await visit(root, '', 0);
  return found;
}
