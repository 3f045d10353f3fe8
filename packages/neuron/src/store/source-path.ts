import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, resolve, sep } from 'node:path';

import { CortexError } from '@cortex/protocol';

/** The folders that files of a load may be in. */
export interface SourceRoots {
  readonly modelsDir: string;
  readonly modelsDirs: readonly string[];
  readonly fileRoots: readonly string[];
}

export interface SourceFile {
  /** Absolute, before links are resolved. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Links resolved. */
  readonly realPath: string;
}

export const isFileSource = (source: string): boolean => source.startsWith('file:');

const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** The path in `file:/path`, `file:///path` or `file:relative`. */
function readFilePath(source: string): string {
  const text = source.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that does not start an escape belongs to the name.
    return text;
  }
}

/**
 * The file of a `file:` source. Relative paths start at `models_dir`. Links are resolved before the check.
 *
 * @param param - The member of the load call that named it.
 * @throws CortexError `model_load_failed` for a path outside the roots, and for one that is not a file
 */
export async function findSourceFile(
  source: string,
  roots: SourceRoots,
  param: string,
): Promise<SourceFile> {
  const { modelsDir, modelsDirs, fileRoots } = roots;
  const fail = (message: string): CortexError =>
    new CortexError('model_load_failed', message, { param });
  const named = readFilePath(source);
  const path = isAbsolute(named) ? resolve(named) : resolve(modelsDir, named);
  const folders = [modelsDir, ...modelsDirs, ...fileRoots].map((root) => resolve(root));
  const refusal = fail(`${path} is outside models_dir, models_dirs and security.file_roots.`);
  // Checked before the disk is read, so that callers cannot learn which files exist elsewhere.
  if (!folders.some((folder) => isWithin(path, folder))) throw refusal;
  const realPath = await realpath(path).catch(() => undefined);
  if (realPath === undefined) throw fail(`${path} does not exist.`);
  const realFolders = await Promise.all(
    folders.map((folder) => realpath(folder).catch(() => folder)),
  );
  if (!realFolders.some((folder) => isWithin(realPath, folder))) throw refusal;
  const stats = await stat(realPath);
  if (!stats.isFile()) throw fail(`${path} is not a file.`);
  return { path, realPath, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
}
