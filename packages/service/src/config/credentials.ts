import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { type Setting } from './overlay-env.ts';

/** Where systemd looks for the credentials that a unit names, and where commands that no unit starts find them. */
const STORE = '/etc/credstore';

export interface CredentialInput {
  /** Dotted key of a file → name of the credential that is its default. */
  readonly credentials?: Readonly<Record<string, string>> | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The keys whose credential exists: systemd writes those of a unit into a folder that only its process can read. */
export function readCredentials({ credentials = {}, env }: CredentialInput): readonly Setting[] {
  const folder = env['CREDENTIALS_DIRECTORY'] || STORE;
  return Object.entries(credentials)
    .map(([key, name]) => ({
      path: key.split('.'),
      value: join(folder, name),
      origin: `credential ${name}`,
    }))
    .filter(({ value }) => existsSync(value));
}
