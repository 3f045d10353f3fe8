import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

import type { EngineLoadSpec, LoadMode } from '../engine/load.ts';

/**
 * How the file of `spec` will be read.
 *
 * By default a GPU maps it and a CPU reads it: on a CPU the weights are repacked for its vector units, and a mapped file
 * would stay in memory in addition to the copy.
 */
export async function loadModeOf({
  backend,
  loadMode,
  modelPath,
}: Pick<EngineLoadSpec, 'backend' | 'loadMode' | 'modelPath'>): Promise<LoadMode> {
  const wanted = loadMode ?? (backend === 'cpu' ? 'read' : 'mmap');
  return wanted === 'direct' && !(await supportsDirect(modelPath)) ? 'read' : wanted;
}

/** Whether the file can be read without the page cache. Only Linux can, and not on every file system. */
async function supportsDirect(path: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_DIRECT);
    await file.close();
    return true;
  } catch {
    return false;
  }
}
