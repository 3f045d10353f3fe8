import { readFileSync } from 'node:fs';

import { ConfigError, systemReason } from '@cortex/service';

import { type GatewayConfig } from './gateway-config.ts';

/** The one line of a secret's file. @throws ConfigError naming `key` when it cannot be read or is empty */
export function readSecretFile(file: string, key: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new ConfigError(`${key}: ${file} cannot be read: ${systemReason(error)}`, { key }, error);
  }
  if (text === '') throw new ConfigError(`${key}: ${file} is empty`, { key });
  // It is sent in a header, where a line break would start another one.
  if (!/^[\x21-\x7e]+$/.test(text))
    throw new ConfigError(`${key}: ${file} must hold one line of visible ASCII without spaces`, {
      key,
    });
  return text;
}

/** The token that is sent to every node; undefined: none is configured. @throws ConfigError like `readSecretFile` */
export function readNodeToken({ auth }: GatewayConfig): string | undefined {
  const file = auth.node_token_file;
  return file === undefined ? undefined : readSecretFile(file, 'auth.node_token_file');
}
