import { expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import {
  type AdminKeySource,
  findAdminKeys as find,
  KEY_POINTER,
} from '../src/client/admin-key.ts';
import { createGatewayClient } from '../src/client/gateway-client.ts';

const findAdminKeys = (source: Omit<AdminKeySource, 'stateDir'>) =>
  find({ ...source, stateDir: () => source.env['CORTEX_STATE_DIR'] ?? '' });

const HERE = 'http://127.0.0.1:31313';

/** A state folder with the key `of-state`, and a file with another key. */
function setUp() {
  const stateDir = temporaryFolder('cortex-cli-key');
  writeFileSync(join(stateDir, 'admin.key'), 'of-state\n');
  const keyFile = join(stateDir, 'named');
  writeFileSync(keyFile, 'of-file\n');
  return { stateDir, keyFile, env: { CORTEX_STATE_DIR: stateDir } };
}

test('the admin key of --key-file comes before CORTEX_ADMIN_KEY, CORTEX_ADMIN_KEY_FILE and the state folder', async () => {
  const { keyFile, env } = setUp();
  const all = { ...env, CORTEX_ADMIN_KEY: 'of-variable', CORTEX_ADMIN_KEY_FILE: keyFile };

  const found = await Promise.all([
    findAdminKeys({ keyFile, env: all, url: HERE }),
    findAdminKeys({ env: all, url: HERE }),
    findAdminKeys({ env: { ...env, CORTEX_ADMIN_KEY_FILE: keyFile }, url: HERE }),
    findAdminKeys({ env, url: HERE }),
  ]);

  expect(found.map(({ keys }) => keys[0])).toEqual([
    'of-file',
    'of-variable',
    'of-file',
    'of-state',
  ]);
});

test('the admin key of a running cortex up is found through its run folder', async () => {
  const { stateDir, keyFile, env } = setUp();
  const run = join(stateDir, 'up', `${process.pid}-abcdef`);
  mkdirSync(run, { recursive: true });
  writeFileSync(join(run, KEY_POINTER), keyFile);

  expect((await findAdminKeys({ env, url: HERE })).keys).toEqual(['of-file', 'of-state']);
});

test('an admin key of this machine is not sent to another machine', async () => {
  const { env } = setUp();

  const { keys, tried } = await findAdminKeys({ env, url: 'http://192.0.2.1:31313' });

  expect(keys).toEqual([]);
  expect(tried.join()).toContain('the URL names another machine');
});

test('a named admin key file that cannot be used is an error with the reason', async () => {
  const { stateDir, env } = setUp();

  await expect(
    findAdminKeys({ keyFile: join(stateDir, 'absent'), env, url: HERE }),
  ).rejects.toThrow(/^--key-file: .*absent cannot be used: no such file or folder$/);
  await expect(
    findAdminKeys({ env: { ...env, CORTEX_ADMIN_KEY_FILE: stateDir }, url: HERE }),
  ).rejects.toThrow(/^CORTEX_ADMIN_KEY_FILE: .* cannot be used: it is a folder$/);
});

test('the next admin key is tried if the gateway refuses the first', async () => {
  const sent: unknown[] = [];
  const client = createGatewayClient(HERE, {
    adminKeys: () => Promise.resolve({ keys: ['stale', 'right'], tried: [] }),
    fetch: (_url, init) => {
      const authorization = new Headers(init?.headers).get('authorization');
      sent.push(authorization);
      return Promise.resolve(
        authorization === 'Bearer right'
          ? Response.json({ nodes: [] })
          : new Response('', { status: 401 }),
      );
    },
  });

  expect([await client.nodes(), await client.nodes()]).toEqual([[], []]);
  expect(sent).toEqual(['Bearer stale', 'Bearer right', 'Bearer right']);
});

test('a command that finds no admin key lists where it looked', async () => {
  const stateDir = temporaryFolder('cortex-cli-key');
  const client = createGatewayClient(HERE, {
    adminKeys: () => findAdminKeys({ env: { CORTEX_STATE_DIR: stateDir }, url: HERE }),
    fetch: () => Promise.resolve(new Response('', { status: 401 })),
  });

  await expect(client.nodes()).rejects.toThrow(
    `${join(stateDir, 'admin.key')} (no such file or folder)`,
  );
});

test.each(['two keys', 'a\nb', '\u6a21'])(
  'CORTEX_ADMIN_KEY=%j is refused by name: it could not be sent in a header',
  async (key) => {
    const { env } = setUp();

    const found = findAdminKeys({ env: { ...env, CORTEX_ADMIN_KEY: key }, url: HERE });

    await expect(found).rejects.toThrow(
      'CORTEX_ADMIN_KEY cannot be used: it must hold one line of visible ASCII without spaces',
    );
  },
);
