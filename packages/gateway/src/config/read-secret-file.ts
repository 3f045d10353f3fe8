import { readFileSync } from 'node:fs';

import { type ConfigOrigins, keyError, type LoadedConfig, systemReason } from '@cortex/service';

import { type GatewayConfig } from './gateway-config.ts';

/** A file with a secret, and the key of the configuration that names it. */
interface SecretFile {
  readonly file: string;
  readonly key: string;
  readonly origins: ConfigOrigins;
}

function readText({ file, key, origins }: SecretFile): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const message = `${file} cannot be read: ${systemReason(error)}`;
    throw keyError(origins, key, { message, cause: error });
  }
}

/** The one line of a secret's file. @throws ConfigError naming its key when it cannot be read or is empty */
export function readSecretFile(secret: SecretFile): string {
  const { file, key, origins } = secret;
  const text = readText(secret);
  if (text === '') throw keyError(origins, key, { message: `${file} is empty` });
  // It is sent in a header, where a line break would start another one.
  if (!/^[\x21-\x7e]+$/.test(text))
    throw keyError(origins, key, {
      message: `${file} must hold one line of visible ASCII without spaces`,
    });
  return text;
}

/** The token that is sent to every node; undefined: none is configured. @throws ConfigError like `readSecretFile` */
export function readNodeToken({ value, origins }: LoadedConfig<GatewayConfig>): string | undefined {
  const file = value.auth.node_token_file;
  return file === undefined
    ? undefined
    : readSecretFile({ file, key: 'auth.node_token_file', origins });
}
