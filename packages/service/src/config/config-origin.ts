import { ConfigError } from './config-error.ts';

/** Dotted key → `default`, `cortex.toml:12`, `CORTEX_GATEWAY__LISTEN` or `--listen`. */
export type ConfigOrigins = ReadonlyMap<string, string>;

/** File and line that set `key`; undefined if a variable, a flag or the default did. */
export function filePlaceOf(
  origins: ConfigOrigins,
  key: string,
): { readonly file: string; readonly line: number } | undefined {
  const [, file, line] = /^(.+):(\d+)$/.exec(origins.get(key) ?? '') ?? [];
  return file === undefined ? undefined : { file, line: Number(line) };
}

/**
 * A value of the configuration that is valid by itself and cannot be used, such as a file that does not exist.
 *
 * The message begins with what set the value, and with the key: `cortex.toml:12: auth.node_token_file: …`.
 */
export function keyError(
  origins: ConfigOrigins,
  key: string,
  { message, cause }: { readonly message: string; readonly cause?: unknown },
): ConfigError {
  const origin = origins.get(key) ?? 'default';
  const prefix = origin === 'default' ? '' : `${origin}: `;
  return new ConfigError(
    `${prefix}${key}: ${message}`,
    { ...filePlaceOf(origins, key), key },
    cause,
  );
}
