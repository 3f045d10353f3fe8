import { ConfigError } from '../config/config-error.ts';
import { FETCH_LIMIT } from './runtime-settings.ts';

/** @throws ConfigError naming the variable if this process was started without the raised limit. */
export function assertFetchLimit(
  env: Readonly<Record<string, string | undefined>> = process.env,
): void {
  const limit = Number(env['BUN_CONFIG_MAX_HTTP_REQUESTS']);
  if (limit >= FETCH_LIMIT) return;
  throw new ConfigError(
    `BUN_CONFIG_MAX_HTTP_REQUESTS must be at least ${FETCH_LIMIT}, otherwise Bun queues every request after the 256th: start the program with its launcher, or set the variable.`,
  );
}
