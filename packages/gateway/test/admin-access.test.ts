import { afterEach, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { AdminModels, AdminNodes } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { type AdminPeers, createAdminAccess } from '../src/admin/admin-access.ts';
import { prepareAdminKey } from '../src/admin/admin-key.ts';
import { loadGatewayConfig } from '../src/config/load-gateway-config.ts';
import { readSecretFile } from '../src/config/read-secret-file.ts';
import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function setUp() {
  const neuron = new FakeNeuron({ models: [{ id: 'org/model', status: 'unloaded' }] });
  open.push(neuron);
  const gateway = await GatewayUnderTest.start({ neurons: { beast: neuron } });
  open.push(gateway);
  return { neuron, gateway };
}

const codeOf = async (response: Response) =>
  toObject(toObject(await response.json())['error'])['code'];

/** The result of the access check: allowed, or the code of the refusal. */
const check = (
  headers: Record<string, string>,
  { peer = '127.0.0.1', peers = 'any' }: { peer?: string; peers?: AdminPeers } = {},
): string => {
  const request = new Request('http://127.0.0.1:31313/admin/v1/nodes', { headers });
  try {
    createAdminAccess({ key: { isValid: (given) => given === 'right' }, peers })(request, peer);
    return 'allowed';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unexpected';
  }
};

describe('the admin API', () => {
  const KEYS = [
    ['a Bearer key', { authorization: 'Bearer right' }, 'allowed'],
    ['an x-api-key', { 'x-api-key': 'right' }, 'allowed'],
    ['a wrong key', { authorization: 'Bearer wrong' }, 'invalid_api_key'],
    ['an empty key', { authorization: 'Bearer ' }, 'invalid_api_key'],
    ['another scheme', { authorization: 'Basic right' }, 'invalid_api_key'],
    ['no key', {}, 'invalid_api_key'],
  ] as const;
  for (const [what, headers, outcome] of KEYS) {
    test(`answers a caller on this machine that sends ${what}: ${outcome}`, () => {
      expect(check(headers)).toBe(outcome);
      expect(check(headers, { peer: '192.168.1.7' })).toBe(outcome);
    });
  }

  test('refuses calls from other machines when it is local only, even with the right key', () => {
    const headers = { authorization: 'Bearer right' };

    expect(check(headers, { peer: '192.168.1.7', peers: 'this machine' })).toBe('forbidden');
    expect(check(headers, { peer: '::1', peers: 'this machine' })).toBe('allowed');
  });

  test('refuses a POST that is not JSON with 415', async () => {
    const { gateway } = await setUp();

    const response = await gateway.post('/admin/v1/models/load', '{"model":"org/model"}', {
      headers: { 'content-type': 'text/plain', 'x-api-key': gateway.adminKey },
    });

    expect(response.status).toBe(415);
    expect(await codeOf(response)).toBe('unsupported_media_type');
  });

  test('refuses a caller on this machine without a key', async () => {
    const { gateway } = await setUp();

    expect((await gateway.get('/admin/v1/nodes')).status).toBe(401);
    expect((await gateway.post('/admin/v1/models/load', { model: 'org/model' })).status).toBe(401);
  });
});

describe('the admin key', () => {
  const configIn = (folder: string, toml = '') => {
    const file = join(folder, 'cortex.toml');
    writeFileSync(file, `[gateway]\nstate_dir = "state"\n${toml}`);
    return loadGatewayConfig({ file, env: {} }).config;
  };

  const readKey = (config: ReturnType<typeof configIn>): string =>
    readSecretFile(prepareAdminKey(config));

  test('is created by the first start, readable only by its owner, and then stays the same', () => {
    const folder = temporaryFolder('cortex-admin-key');
    const config = configIn(folder);

    const key = readKey(config);

    const file = join(folder, 'state', 'admin.key');
    expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(readFileSync(file, 'utf8').trim()).toBe(key);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readKey(config)).toBe(key);
    expect(readdirSync(join(folder, 'state'))).toEqual(['admin.key']);
  });

  test('is the same for two gateways that start at the same time', async () => {
    const folder = temporaryFolder('cortex-admin-key');
    configIn(folder);
    const program = join(import.meta.dir, 'programs', 'admin-key.ts');
    const starts = Array.from({ length: 4 }, () =>
      Bun.spawn([process.execPath, program, join(folder, 'cortex.toml')], { stderr: 'inherit' }),
    );

    const keys = await Promise.all(starts.map(({ stdout }) => new Response(stdout).text()));

    expect(keys[0]).toMatch(/^\S{43}$/);
    expect(new Set(keys).size).toBe(1);
  });

  test('is not created when admin_key_file is set: a missing file stops the start', () => {
    const folder = temporaryFolder('cortex-admin-key');

    expect(() => readKey(configIn(folder, '[auth]\nadmin_key_file = "mine"\n'))).toThrow(
      /^\S*cortex\.toml:4: auth\.admin_key_file: .*mine cannot be read: no such file or folder$/,
    );
  });

  test('stops the start when it cannot be written, and the error has file, reason and the key to set', () => {
    const folder = temporaryFolder('cortex-admin-key');
    writeFileSync(join(folder, 'state'), 'a file where the folder should be');

    expect(() => prepareAdminKey(configIn(folder))).toThrow(
      /^\S*cortex\.toml:2: gateway\.state_dir: the admin key cannot be written to .*state\/admin\.key: (?:it exists already|a part of the path is not a folder)\. Set gateway\.state_dir \(or CORTEX_STATE_DIR\)/,
    );
  });
});

describe('the admin API', () => {
  test('lists nodes and models in the documented form', async () => {
    const { gateway } = await setUp();

    const { nodes } = AdminNodes.parse(await (await gateway.admin('/nodes')).json());
    const { models } = AdminModels.parse(await (await gateway.admin('/models')).json());

    expect(nodes).toMatchObject([{ name: 'beast', state: 'up', in_flight: 0 }]);
    expect(models).toMatchObject([{ id: 'org/model', replicas: [{ node: 'beast' }] }]);
  });

  test('loads and unloads a model by name', async () => {
    const { gateway, neuron } = await setUp();

    const loading = await gateway.admin('/models/load', { model: 'org/model' });
    (await neuron.load()).succeed();
    const unloaded = await gateway.admin('/models/unload', {
      model: 'org/model',
      node: 'beast',
      force: true,
    });

    expect(toObject(await loading.json())).toMatchObject({ model: 'org/model', node: 'beast' });
    expect(unloaded.status).toBe(200);
    expect(toObject(await unloaded.json())).toEqual({
      results: [{ model: 'org/model', node: 'beast', status: 'unloaded' }],
    });
  });

  for (const [body, code] of [
    ['{', 'malformed_json'],
    ['{}', 'invalid_request'],
    ['{"model":"m","nod":"x"}', 'invalid_request'],
  ] as const) {
    test(`refuses an invalid call: ${body}`, async () => {
      const { gateway } = await setUp();

      expect(await codeOf(await gateway.admin('/models/load', body))).toBe(code);
    });
  }
});
