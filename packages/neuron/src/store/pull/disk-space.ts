import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

import { temporary } from '../web/web-client.ts';
import type { PlannedFile } from './planned-file.ts';
import { sizeOnDisk } from './partial-file.ts';

/** Bytes that an unprivileged program may still write in `folder` or, if it does not exist, above it. */
export type FreeBytes = (folder: string) => Promise<number>;

export const readFreeBytes: FreeBytes = async (folder) => {
  for (let at = folder; ; at = dirname(at)) {
    const stats = await statfs(at).catch(() => undefined);
    if (stats) return stats.bavail * stats.bsize;
    if (dirname(at) === at) return 0;
  }
};

const GB = 1e9;
const inGb = (bytes: number): string => `${(bytes / GB).toFixed(bytes < GB ? 3 : 1)} GB`;

/**
 * Checks that the rest of `files` fits on their disk.
 *
 * @param space.promisedBytes - What other downloads will still write there.
 * @throws CortexError `model_load_failed`, transient, with the numbers
 */
export async function checkSpace(
  files: readonly PlannedFile[],
  space: {
    readonly freeBytes: FreeBytes;
    readonly minFreeBytes: number;
    readonly promisedBytes: number;
  },
): Promise<void> {
  const [first] = files;
  if (!first) return;
  let missing = 0;
  for (const { remote, path, partialPath } of files) {
    const present = Math.max(await sizeOnDisk(path), await sizeOnDisk(partialPath));
    missing += Math.max(0, remote.sizeBytes - present);
  }
  if (missing === 0) return;
  const folder = dirname(first.path);
  const free = (await space.freeBytes(folder)) - space.promisedBytes;
  if (free - space.minFreeBytes >= missing) return;
  throw temporary(
    `The disk of ${folder} has ${inGb(Math.max(0, free))} free, but ${first.remote.name} needs ${inGb(missing)} and min_free_disk_mb keeps ${inGb(space.minFreeBytes)}. Free some space, or lower min_free_disk_mb.`,
  );
}
