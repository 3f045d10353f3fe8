import { describe, expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { failureOf, scriptedEngine, TestNeuron } from './test-neuron.ts';

const parts = { startEngine: scriptedEngine() };

function tokenFile(text: string, mode = 0o600): string {
  const path = join(temporaryFolder('node-token'), 'token');
  writeFileSync(path, text, { mode });
  // The umask does not apply to it.
  chmodSync(path, mode);
  return path;
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe('the token of a node', () => {
  test('is the new one and the old one while its file has two lines, and changes without a restart', async () => {
    const path = tokenFile('old\n');
    await using neuron = await TestNeuron.start({
      flags: { 'security.node_token_file': path },
      parts,
    });
    const statuses = async (): Promise<number[]> =>
      Promise.all(
        ['old', 'new', 'other'].map(
          async (token) => (await neuron.get('/models', bearer(token))).status,
        ),
      );

    expect(await statuses()).toEqual([200, 401, 401]);
    writeFileSync(path, 'new\nold\n');
    neuron.reload();
    expect(await statuses()).toEqual([200, 200, 401]);
    writeFileSync(path, 'new\n');
    neuron.reload();
    expect(await statuses()).toEqual([401, 200, 401]);
  });

  test.each([
    ['that every user can write', '/', 0o666, 'run "chmod 600 '],
    ['with a space', 'a b\n', 0o600, 'visible ASCII without spaces'],
    ['without a token', '\n', 0o600, 'is empty'],
  ])('in a file %s stops the start', async (_, text, mode, words) => {
    const flags = { 'security.node_token_file': tokenFile(text, mode) };

    const { message } = await failureOf(TestNeuron.start({ flags, parts }));

    expect(message).toStartWith('--node-token-file: security.node_token_file: ');
    expect(message).toContain(words);
  });

  test('in a folder, a device or a missing file stops the start', async () => {
    const reasons = await Promise.all(
      ['/tmp', '/dev/zero', '/nonexistent/token'].map(async (path) => {
        const flags = { 'security.node_token_file': path };
        return (await failureOf(TestNeuron.start({ flags, parts }))).message;
      }),
    );

    expect(reasons).toEqual([
      '--node-token-file: security.node_token_file: /tmp is not a regular file',
      '--node-token-file: security.node_token_file: /dev/zero is not a regular file',
      '--node-token-file: security.node_token_file: /nonexistent/token cannot be read: no such file or folder',
    ]);
  });
});
