/** Concurrent requests that `fetch` must allow. Its default is 256; further requests wait without an error. */
export const FETCH_LIMIT = 65_336;

/**
 * What Bun reads once, at its start. `launch.sh`, which says why, sets the same for a program that runs from its
 * sources.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  BUN_CONFIG_MAX_HTTP_REQUESTS: String(FETCH_LIMIT),
  BUN_JSC_forceRAMSize: '4294967296',
  MIMALLOC_PURGE_DELAY: '1000',
};
/** It prints every header of every call, tokens included. */
const UNWANTED = 'BUN_CONFIG_VERBOSE_FETCH';

type Env = Readonly<Record<string, string | undefined>>;

const isTooLow = (name: string, value: string): boolean =>
  name === 'BUN_CONFIG_MAX_HTTP_REQUESTS' && !(Number(value) >= FETCH_LIMIT);

/** The environment that a compiled program needs at its start; undefined: `env` is such a one. */
export function neededEnv(env: Env): Env | undefined {
  const { [UNWANTED]: unwanted, ...wanted } = env;
  const missing = Object.entries(SETTINGS).filter(([name]) => {
    const value = env[name] ?? '';
    return value === '' || isTooLow(name, value);
  });
  if (unwanted === undefined && missing.length === 0) return undefined;
  return { ...wanted, ...Object.fromEntries(missing) };
}

/** Replaces this compiled program by itself if it was started without the settings. */
export function restartWithSettings(): void {
  const env = neededEnv(process.env);
  if (env === undefined) return;
  process.execve?.(process.execPath, [process.execPath, ...process.argv.slice(2)], { ...env });
}
