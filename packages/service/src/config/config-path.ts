import { dirname, resolve } from 'node:path';

import { type ConfigOrigins, filePlaceOf } from './config-origin.ts';

/**
 * The absolute form of a path in a configuration: relative to the file that contains it, or to the working
 * directory if it comes from the environment, a flag or a default.
 *
 * @param key - Dotted, as in `origins`.
 */
export function resolveConfigPath(
  { origins }: { readonly origins: ConfigOrigins },
  key: string,
  path: string,
): string {
  const place = filePlaceOf(origins, key);
  return place === undefined ? resolve(path) : resolve(dirname(place.file), path);
}
