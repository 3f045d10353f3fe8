import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

import { ConfigError } from '../config/config-error.ts';

import { systemReason } from '../system-reason.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The home folder of this user. @throws ConfigError when it has none, as many service users */
function homeFolder(): string {
  try {
    return homedir();
  } catch (error) {
    throw new ConfigError(
      'this user has no home folder for the state: set CORTEX_STATE_DIR to a folder that it may write',
      {},
      error,
    );
  }
}

/**
 * Where cortex keeps models and state: `CORTEX_STATE_DIR`, else the XDG state folder of this user. Absolute.
 *
 * @throws ConfigError when neither is set and the user has no home folder
 */
export function stateDirectory(env: Env, home?: string): string {
  const named = env['CORTEX_STATE_DIR'];
  if (named) return resolve(named);
  const xdg = env['XDG_STATE_HOME'];
  // A relative one is to be ignored: XDG Base Directory Specification.
  if (xdg && isAbsolute(xdg)) return join(xdg, 'cortex');
  return join(home ?? homeFolder(), '.local', 'state', 'cortex');
}

/**
 * Makes `folders` in the state folder.
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
