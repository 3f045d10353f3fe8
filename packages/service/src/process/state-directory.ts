import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

import { ConfigError } from '../config/config-error.ts';

import { systemReason } from '../system-reason.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The home folder of this user. @throws ConfigError if it has none, as is common for service users */
function homeFolder(): string {
  try {
    return homedir();
  } catch (error) {
    throw new ConfigError(
      'this user has no home folder for the state: set CORTEX_STATE_DIR to a folder that this user may write',
      {},
      error,
    );
  }
}

/**
 * The folder for models and state: `CORTEX_STATE_DIR`, otherwise `cortex` in the XDG state folder. Absolute.
 *
 * @throws ConfigError if neither is set and the user has no home folder
 */
export function stateDirectory(env: Env, home?: string): string {
  const named = env['CORTEX_STATE_DIR'];
  if (named) return resolve(named);
  const xdg = env['XDG_STATE_HOME'];
  // The XDG Base Directory Specification says to ignore a relative path.
  if (xdg && isAbsolute(xdg)) return join(xdg, 'cortex');
  return join(home ?? homeFolder(), '.local', 'state', 'cortex');
}

/**
 * Creates `folders` in the state folder.
 *
 * @throws ConfigError naming the folder, with the system's reason
 */
export function createStateFolders(stateDir: string, folders: readonly string[]): void {
  for (const folder of folders.map((name) => join(stateDir, name))) {
    try {
      mkdirSync(folder, { recursive: true });
      accessSync(folder, constants.W_OK);
    } catch (error) {
      throw new ConfigError(
        `the state folder ${folder} cannot be used: ${systemReason(error)}; set CORTEX_STATE_DIR to a folder that this user may write`,
        {},
        error,
      );
    }
  }
}
