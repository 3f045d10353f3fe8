/** The folder that a closed engine leaves its cells in: files of cells, and an index that says which of them count. */
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

const INDEX = 'index.json';
const NEW_INDEX = 'index.json.new';

/** What `saveState` calls its files; others in the folder are not touched. */
const STATE_FILE = /^[0-9a-f-]{36}\.state$/;

/** A file that no index lists counts for nothing. */
const Index = z.object({
  fingerprint: z.string(),
  /** Those used last come first. */
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

/** What counts in `folder` for a load with that fingerprint, used last first; nothing where there is no index. Never throws. */
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

/** Makes `states` what counts in `folder`, used last first, in place of what counted before, and then removes the rest. */
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
  await writeFile(making, JSON.stringify(index));
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

/** Removes what is not listed: of an older index, or of a process that was killed while it saved. Never throws. */
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
