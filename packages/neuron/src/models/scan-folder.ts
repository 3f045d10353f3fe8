import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { FoundFile } from './model-file.ts';

/** `models_dir/org/repo/quant/file` and a Hugging Face cache fit; a link to `/` does not lead through the machine. */
const MAX_DEPTH = 8;

/** Whether an error only says that something is not there (any more), or not for us. */
function isAbsence(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP'].includes(String(error.code))
  );
}

/** What `action` gives; undefined for what is not there or may not be read: it is not listed. */
async function ifPresent<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** Every GGUF below `root`, links followed, each folder once. A folder that cannot be read is empty. */
export async function scanFolder(root: string): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const visited = new Set<string>();

  async function visit(folder: string, prefix: string, depth: number): Promise<void> {
    const real = await ifPresent(realpath(folder));
    if (real === undefined || visited.has(real) || depth > MAX_DEPTH) return;
    visited.add(real);
    const entries = (await ifPresent(readdir(folder, { withFileTypes: true }))) ?? [];
    for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name))) {
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
        });
      }
    }
  }

  await visit(root, '', 0);
  return found;
}
