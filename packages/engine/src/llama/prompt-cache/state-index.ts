/** The folder with the cells of a closed engine: files of cells, and an index of the valid ones. */
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

const INDEX = 'index.json';
const NEW_INDEX = 'index.json.new';

/** Names of the files of `saveState`. Other files in the folder are not touched. */
const STATE_FILE = /^[0-9a-f-]{36}\.state$/;

/** A file that the index does not list is not valid. */
const Index = z.object({
  fingerprint: z.string(),
  /** Most recently used first. */
  states: z.array(
    z.object({
      file: z.string().regex(STATE_FILE),
      bytes: z.int(),
      checksum: z.int(),
      tokens: z.array(z.int()),
      min_position: z.int(),
    }),
  ),
});

export interface SavedState {
  readonly path: string;
  readonly tokens: Uint32Array;
  readonly bytes: number;
  readonly checksum: number;
  /** First position whose cell is in the file. */
  readonly minPosition: number;
}

/** The states in `folder` for that fingerprint, most recently used first; none without an index. Never throws. */
export async function readIndex(folder: string, fingerprint: string): Promise<SavedState[]> {
  const saved: SavedState[] = [];
  for (const state of await readStates(folder, fingerprint)) {
    const { file, bytes, checksum, tokens, min_position: minPosition } = state;
    const path = join(folder, file);
    const size = await stat(path).then(
      (info) => info.size,
      () => 0,
    );
    if (size === bytes)
      saved.push({ path, bytes, checksum, minPosition, tokens: Uint32Array.from(tokens) });
  }
  return saved;
}

/** Replaces the index of `folder` with `states`, most recently used first, and then removes all other files. */
export async function writeIndex(
  folder: string,
  fingerprint: string,
  states: readonly SavedState[],
): Promise<void> {
  const making = join(folder, NEW_INDEX);
  const index: z.infer<typeof Index> = {
    fingerprint,
    states: states.map(({ path, bytes, checksum, tokens, minPosition }) => ({
      file: path.slice(path.lastIndexOf('/') + 1),
      bytes,
      checksum,
      tokens: [...tokens],
      min_position: minPosition,
    })),
  };
  await writeFile(making, JSON.stringify(index), { mode: 0o600 });
  await rename(making, join(folder, INDEX));
  await removeOthers(folder, states);
}

async function readStates(
  folder: string,
  fingerprint: string,
): Promise<z.infer<typeof Index>['states']> {
  try {
    const index = Index.parse(JSON.parse(await readFile(join(folder, INDEX), 'utf8')));
    return index.fingerprint === fingerprint ? index.states : [];
  } catch {
    return [];
  }
}

/**
 * Removes files that are not listed: those of an older index, or of a process that was killed while it saved. Never
 * throws.
 */
export async function removeOthers(folder: string, listed: readonly SavedState[]): Promise<void> {
  const kept = new Set(listed.map(({ path }) => path));
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const path = join(folder, name);
    const isOurs = STATE_FILE.test(name) || name === NEW_INDEX;
    const isEmpty = name === INDEX && listed.length === 0;
    if (isEmpty || (isOurs && !kept.has(path)))
      await rm(path, { force: true }).catch(() => undefined);
  }
}
