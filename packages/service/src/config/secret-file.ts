import { closeSync, fstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';

import { systemReason } from '../system-reason.ts';
import { ConfigError } from './config-error.ts';
import { type ConfigOrigins, keyError } from './config-origin.ts';

/** Far more than any key or token. */
const MAX_BYTES = 64 << 10;
const READABLE_BY_OTHERS = 0o004;
const WRITABLE_BY_OTHERS = 0o002;

/** A file that the configuration names; `key` is the key that names it. */
export interface ConfiguredFile {
  readonly file: string;
  readonly key: string;
  readonly origins: ConfigOrigins;
}

/** The error that a file cannot be used; `problem` completes its path. */
export const fileError = (
  { file, key, origins }: ConfiguredFile,
  problem: string,
  cause?: unknown,
): ConfigError => keyError(origins, key, { message: `${file} ${problem}`, cause });

/** The text of a file that only its owner and its group should be able to read. */
export interface PrivateFile {
  readonly text: string;
  /** Set if every user of the machine can read the file. */
  readonly warning?: string | undefined;
}

/**
 * Reads a file with a secret (a token, a private key).
 *
 * @throws ConfigError if the file cannot be read, is not a regular file, or can be written by every user
 */
export function readPrivateFile(configured: ConfiguredFile): PrivateFile {
  const path = configured.file;
  let text: string;
  let stats: Stats;
  try {
    // Opening a pipe would wait for its writer.
    if (!statSync(path).isFile()) throw fileError(configured, 'is not a regular file');
    const fd = openSync(path, 'r');
    try {
      stats = fstatSync(fd);
      if (stats.size > MAX_BYTES)
        throw fileError(configured, `is larger than ${MAX_BYTES >> 10} KiB`);
      text = readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw fileError(configured, `cannot be read: ${systemReason(error)}`, error);
  }
  const others = (may: string): ConfigError =>
    fileError(configured, `can be ${may} by every user of this machine: run "chmod 600 ${path}"`);
  if ((stats.mode & WRITABLE_BY_OTHERS) !== 0) throw others('written');
  const isOpen = (stats.mode & READABLE_BY_OTHERS) !== 0;
  return { text, warning: isOpen ? others('read').message : undefined };
}

/** The secrets of a file, in the order of its lines. */
export interface SecretFile {
  readonly secrets: readonly string[];
  /** As of `readPrivateFile`. */
  readonly warning?: string | undefined;
}

/**
 * Reads a file with one secret per line; empty lines are ignored.
 *
 * @param options.maxSecrets - 1 when absent.
 * @throws ConfigError for a file without or with too many secrets, for a secret that cannot be sent in a header, and as
 * `readPrivateFile`
 */
export function readSecretFile(
  configured: ConfiguredFile,
  { maxSecrets = 1 }: { readonly maxSecrets?: number | undefined } = {},
): SecretFile {
  const { text, warning } = readPrivateFile(configured);
  const secrets = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (secrets.length === 0) throw fileError(configured, 'is empty');
  // It is sent in a header, where a line break would start another one.
  const isValid = secrets.every((secret) => /^[\x21-\x7e]+$/.test(secret));
  if (!isValid || secrets.length > maxSecrets) {
    const lines = maxSecrets === 1 ? 'one line' : `one to ${maxSecrets} lines`;
    throw fileError(configured, `must hold ${lines} of visible ASCII without spaces`);
  }
  return { secrets, warning };
}
