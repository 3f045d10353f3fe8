import { homedir } from 'node:os';
import { join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** Where `cortex up` keeps models and state: `CORTEX_STATE_DIR`, else the XDG state folder of this user. */
export function stateDirectory(env: Env, home: string = homedir()): string {
  const named = env['CORTEX_STATE_DIR'];
  if (named) return named;
  const xdg = env['XDG_STATE_HOME'];
  return xdg ? join(xdg, 'cortex') : join(home, '.local', 'state', 'cortex');
}
