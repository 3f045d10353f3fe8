import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** `ldd` only reads headers, so it takes longer only on a machine with other problems. */
const TIMEOUT_MS = 5_000;

/**
 * The shared libraries that `binary` needs and this machine does not have, by file name.
 *
 * Empty if none is missing, or if `ldd` is not installed.
 */
export async function missingLibraries(binary: string): Promise<readonly string[]> {
  const listing = await promisify(execFile)('ldd', [binary], { timeout: TIMEOUT_MS }).catch(
    () => undefined,
  );
  return listing === undefined ? [] : readMissing(listing.stdout);
}

/** `libcudart.so.13 => not found` → `libcudart.so.13`. */
export function readMissing(listing: string): readonly string[] {
  const names = Array.from(listing.matchAll(/^\s*(\S+) => not found$/gm), ([, name]) => name ?? '');
  return [...new Set(names)];
}
