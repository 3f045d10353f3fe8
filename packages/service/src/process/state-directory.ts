import { homedir } from 'node:os';
import { join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** Where cortex keeps models and state: `CORTEX_STATE_DIR`, else the XDG state folder of this user. */
export function stateDirectory(env: Env, home?: string): string {
  const named = env['CORTEX_STATE_DIR'];
  if (named) return named;
  const xdg = env['XDG_STATE_HOME'];
  return xdg ? join(xdg, 'cortex') : join(home ?? homedir(), '.local', 'state', 'cortex');
}
