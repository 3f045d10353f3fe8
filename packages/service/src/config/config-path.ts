import { dirname, resolve } from 'node:path';

import { type LoadedConfig } from './load-config.ts';

/**
 * The absolute form of a path in a configuration: relative to the file that contains it, or to the working
 * directory if it comes from the environment, a flag or a default.
 *
 * @param key - Dotted, as in `origins`.
 */
export function resolveConfigPath(
  { origins }: Pick<LoadedConfig<unknown>, 'origins'>,
  key: string,
  path: string,
): string {
  const [, file] = /^(.+):\d+$/.exec(origins.get(key) ?? '') ?? [];
  return file === undefined ? resolve(path) : resolve(dirname(file), path);
}
