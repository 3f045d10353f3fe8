import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { isTree, readTomlFile, type WholeFile } from '@cortex/service';

/** What `neuron join` has set, for keys that nothing else sets. */
export const joinedFile = (stateDir: string): string => join(stateDir, 'joined.toml');

/** Keys of neuron.toml that joining sets; an absent one is set by something else. Paths are relative to the state folder. */
export interface JoinedSettings {
  readonly listen?: string | undefined;
  readonly node_token_file?: string | undefined;
  readonly tls_cert?: string | undefined;
  readonly tls_key?: string | undefined;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** What an earlier join has set. @throws ConfigError when the file cannot be read */
export function readJoined(stateDir: string): JoinedSettings {
  const path = joinedFile(stateDir);
  if (!existsSync(path)) return {};
  const { listen, security } = readTomlFile(path).tree;
  const keys = isTree(security) ? security : {};
  return {
    listen: textOf(listen),
    node_token_file: textOf(keys['node_token_file']),
    tls_cert: textOf(keys['tls_cert']),
    tls_key: textOf(keys['tls_key']),
  };
}

/** A key with a text; TOML's basic strings are JSON's, but for control characters that these texts do not have. */
const line = (key: string, value: string | undefined): string =>
  value === undefined ? '' : `${key} = ${JSON.stringify(value)}\n`;

export const formatJoined = (
  stateDir: string,
  { listen, ...security }: JoinedSettings,
): WholeFile => ({
  path: joinedFile(stateDir),
  text: [
    '# Written by "neuron join". A key that neuron.toml, a variable or a flag sets as well has its value from there.\n',
    line('listen', listen),
    '\n[security]\n',
    line('node_token_file', security.node_token_file),
    line('tls_cert', security.tls_cert),
    line('tls_key', security.tls_key),
  ].join(''),
  mode: 0o600,
});
