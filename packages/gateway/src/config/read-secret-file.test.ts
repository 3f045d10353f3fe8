import { expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { GatewayConfig } from './gateway-config.ts';
import { readNodeToken, secretWarnings } from './read-secret-file.ts';

function configWith(text: string, mode: number) {
  const path = join(temporaryFolder('cortex-secret'), 'token');
  writeFileSync(path, text);
  chmodSync(path, mode);
  const value = GatewayConfig.parse({ auth: { node_token_file: path } });
  return { path, config: { value, origins: new Map(), warnings: [] } };
}

test('the gateway sends the first of two node tokens, which is the new one', () => {
  const { config } = configWith('new\nold\n', 0o600);

  expect(readNodeToken(config)).toBe('new');
  expect(secretWarnings(config)).toEqual([]);
});

test('a node token that every user of the machine can read is a warning with the command that mends it', () => {
  const { config, path } = configWith('secret\n', 0o644);

  expect(readNodeToken(config)).toBe('secret');
  expect(secretWarnings(config)).toEqual([
    `auth.node_token_file: ${path} can be read by every user of this machine: run "chmod 600 ${path}"`,
  ]);
});

test('three node tokens, or one that every user can write, are refused', () => {
  expect(() => readNodeToken(configWith('a\nb\nc\n', 0o600).config)).toThrow('one to 2 lines');
  expect(() => readNodeToken(configWith('a\n', 0o602).config)).toThrow('can be written by every');
});
