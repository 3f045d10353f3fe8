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
 * A problem that the schema of a configuration cannot express. `text` is a sentence that begins with the key.
 *
 * The message begins with what set the key `at`, if it is not a default: `cortex.toml:12: …`.
 */
export function problemAt(
  origins: ConfigOrigins,
  at: string,
  { text, cause }: { readonly text: string; readonly cause?: unknown },
): ConfigError {
  const origin = origins.get(at) ?? 'default';
  const prefix = origin === 'default' ? '' : `${origin}: `;
  return new ConfigError(`${prefix}${text}`, { ...filePlaceOf(origins, at), key: at }, cause);
}

/**
 * A value of the configuration that is valid by itself and cannot be used, such as a file that does not exist:
 * `cortex.toml:12: auth.node_token_file: …`.
 */
export const keyError = (
  origins: ConfigOrigins,
  key: string,
  { message, cause }: { readonly message: string; readonly cause?: unknown },
): ConfigError => problemAt(origins, key, { text: `${key}: ${message}`, cause });
