/** The environment variables by which the tools of Hugging Face are configured. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

import { ConfigError } from '@cortex/service';

export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** Absent: anonymous. */
  readonly token?: string | undefined;
  /** Absolute. The cache in the layout of the Python tools; absent: the environment names none. */
  readonly cacheDir?: string | undefined;
  /** The hub is never asked. */
  readonly isOffline: boolean;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';

type Env = Readonly<Record<string, string | undefined>>;

/** An empty variable counts as unset. */
const read = (env: Env, name: string): string | undefined => env[name]?.trim() || undefined;

function readEndpoint(env: Env): string {
  const text = read(env, 'HF_ENDPOINT') ?? DEFAULT_ENDPOINT;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '');
  throw new ConfigError(`HF_ENDPOINT is "${text}", which is not an http(s) URL`, {
    key: 'HF_ENDPOINT',
  });
}

/** The token of `hf auth login`. */
function readTokenFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch {
    // Nobody has logged in, or not as this user.
    return undefined;
  }
}

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME`, `HF_HUB_CACHE` and `HF_HUB_OFFLINE`.
 *
 * @throws ConfigError for an endpoint that is not a URL
 */
export function readHubSettings(env: Env): HubSettings {
  const home = read(env, 'HF_HOME');
  const userHome = read(env, 'HOME') ?? homedir();
  const cache = read(env, 'HF_HUB_CACHE') ?? (home === undefined ? undefined : join(home, 'hub'));
  return {
    endpoint: readEndpoint(env),
    token:
      read(env, 'HF_TOKEN') ??
      readTokenFile(join(home ?? join(userHome, '.cache', 'huggingface'), 'token')),
    cacheDir: cache === undefined ? undefined : resolve(cache),
    isOffline: /^(1|true|yes|on)$/i.test(read(env, 'HF_HUB_OFFLINE') ?? ''),
  };
}
