import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

import { type Env } from './tool.ts';

export const homeFolder = (env: Env): string => env['HOME'] || homedir();

/** The folder for configuration (XDG Base Directory Specification): a relative path in the variable does not count. */
export function configFolder(env: Env): string {
  const named = env['XDG_CONFIG_HOME'];
  return named !== undefined && isAbsolute(named) ? named : join(homeFolder(env), '.config');
}
