import { readFileSync } from 'node:fs';

import { ConfigError } from '@cortex/service';

/** The one line of a secret's file. @throws ConfigError naming `key` when it cannot be read or is empty */
export function readSecretFile(file: string, key: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new ConfigError(`${key}: ${file} cannot be read`, { key }, error);
  }
  if (text === '') throw new ConfigError(`${key}: ${file} is empty`, { key });
  return text;
}
