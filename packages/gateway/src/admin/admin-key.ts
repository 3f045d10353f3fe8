import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { type ConfiguredFile, keyError, type LoadedConfig, systemReason } from '@cortex/service';

import { type GatewayConfig } from '../config/gateway-config.ts';
import { readSecretFile } from '../config/read-secret-file.ts';

const KEY_BYTES = 32;
const FILE_KEY = 'auth.admin_key_file';
const STATE_KEY = 'gateway.state_dir';

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

/** The file with the key of the admin API: `auth.admin_key_file`, else `admin.key` in the state folder. */
export function adminKeyFile({ auth, gateway }: GatewayConfig): string {
  return auth.admin_key_file ?? join(gateway.state_dir ?? '', 'admin.key');
}

/** Writes a new key to `file` (0600) atomically; an existing file is kept. */
function createKey(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, `${randomBytes(KEY_BYTES).toString('base64url')}\n`, { mode: 0o600 });
  try {
    // Unlike a rename, a link never replaces the key of a gateway that started at the same time.
    linkSync(draft, file);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    // The file system has no hard links.
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** The key in `auth.admin_key_file`; undefined: none is configured. @throws ConfigError when it cannot be read */
export function readConfiguredAdminKey({
  value,
  origins,
}: LoadedConfig<GatewayConfig>): string | undefined {
  const file = value.auth.admin_key_file;
  return file === undefined ? undefined : readSecretFile({ file, key: FILE_KEY, origins });
}

/**
 * The file with the key of the admin API. If none is configured, the first start creates one in the state folder.
 *
 * @throws ConfigError when it cannot be created
 */
export function prepareAdminKey({ value, origins }: LoadedConfig<GatewayConfig>): ConfiguredFile {
  const file = adminKeyFile(value);
  if (value.auth.admin_key_file !== undefined) return { file, key: FILE_KEY, origins };
  try {
    if (!existsSync(file)) createKey(file);
  } catch (error) {
    throw keyError(origins, STATE_KEY, {
      message: `the admin key cannot be written to ${file}: ${systemReason(error)}. Set ${STATE_KEY} (or CORTEX_STATE_DIR) to a folder that this user can write to, or set ${FILE_KEY} to a file with a key`,
      cause: error,
    });
  }
  return { file, key: STATE_KEY, origins };
}
