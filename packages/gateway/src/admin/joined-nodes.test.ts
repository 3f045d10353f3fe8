import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { isWritten, writeJoinedNode } from './joined-nodes.ts';

const NODE = { name: 'beast', endpoint: 'https://b:1', tlsFingerprint: 'sha256:ab', token: 't' };

describe('a node that has joined', () => {
  test('is written as a configuration beside its token, and removed on request', () => {
    const folder = join(temporaryFolder('joined'), 'nodes.d');

    const remove = writeJoinedNode(folder, NODE);

    expect(Bun.TOML.parse(readFileSync(join(folder, 'beast.toml'), 'utf8'))).toEqual({
      neurons: [
        {
          name: 'beast',
          endpoint: 'https://b:1',
          tls_fingerprint: 'sha256:ab',
          token_file: 'beast.token',
        },
      ],
    });
    expect(readFileSync(join(folder, 'beast.token'), 'utf8')).toBe('t\n');
    expect(isWritten(folder, 'beast')).toBe(true);
    remove();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('leaves no token behind when its configuration cannot be written', () => {
    const folder = temporaryFolder('joined');
    mkdirSync(join(folder, 'beast.toml'));

    expect(() => writeJoinedNode(folder, NODE)).toThrow(`cannot write to ${folder}`);
    expect(readdirSync(folder)).toEqual(['beast.toml']);
  });
});
