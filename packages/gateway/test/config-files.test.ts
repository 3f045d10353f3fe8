import { expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger } from '@cortex/service';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { loadGatewayConfig } from '../src/config/load-gateway-config.ts';
import { startGateway } from '../src/gateway.ts';
import { GatewayUnderTest } from './gateway-under-test.ts';

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder('cortex-config');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

test('a configuration without files has the defaults', () => {
  const { config, models } = loadGatewayConfig({ file: undefined, env: {} });

  expect(config.value.gateway).toMatchObject({
    listen: '127.0.0.1:31313',
    metrics_listen: '127.0.0.1:31314',
    max_body_mb: 64,
  });
  expect(config.value.neurons).toEqual([]);
  expect(models.value.models).toEqual([]);
});

test('nodes of nodes.d are added, and paths are relative to the file that contains them', () => {
  const folder = folderWith({
    'cortex.toml':
      '[auth]\nnode_token_file = "token"\n[[neurons]]\nname = "a"\nendpoint = "http://a:1"\n',
    'nodes.d/b.toml': '[[neurons]]\nname = "b"\nendpoint = "http://b:1"\n',
    'models.toml': '[[models]]\nid = "m"\n',
  });

  const { config, models } = loadGatewayConfig({ file: join(folder, 'cortex.toml'), env: {} });

  expect(config.value.neurons.map(({ name }) => name)).toEqual(['a', 'b']);
  expect(config.value.auth.node_token_file).toBe(join(folder, 'token'));
  expect(models.value.models.map(({ id }) => id)).toEqual(['m']);
});

test('the state folder has an origin: the file, CORTEX_STATE_DIR, or the default', () => {
  const folder = folderWith({ 'cortex.toml': '[gateway]\nstate_dir = "state"\n' });
  const file = join(folder, 'cortex.toml');
  const env = { CORTEX_STATE_DIR: '/from/env' };
  const stateOf = (input: Parameters<typeof loadGatewayConfig>[0]) => {
    const { value, origins } = loadGatewayConfig(input).config;
    return [value.gateway.state_dir, origins.get('gateway.state_dir')];
  };

  expect(stateOf({ file, env })).toEqual([join(folder, 'state'), `${file}:2`]);
  expect(stateOf({ file: undefined, env })).toEqual(['/from/env', 'CORTEX_STATE_DIR']);
  expect(stateOf({ file: undefined, env: {} })).toEqual([
    expect.stringMatching(/\/cortex$/),
    'default',
  ]);
});

/** The message that `starting` fails with. */
async function refusal(starting: Promise<unknown>): Promise<string> {
  try {
    await starting;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('it started');
}

const WRONG = {
  'an unknown key': ['[gateway]\nlisen = "x"', /cortex\.toml:2: .*gateway\.lisen.*gateway\.listen/],
  'two nodes of one name': [
    '[[neurons]]\nname = "a"\nendpoint = "http://a:1"\n[[neurons]]\nname = "a"\nendpoint = "http://b:1"',
    /two neurons are named "a"/,
  ],
  'a fingerprint that is not a SHA-256': [
    '[[neurons]]\nname = "a"\nendpoint = "https://a:1"\ntls_fingerprint = "sha1:ab"',
    /neurons\[0\]\.tls_fingerprint must be "sha256:" and 64 hex digits, not "sha1:ab"/,
  ],
  'a fingerprint for an endpoint without TLS': [
    `[[neurons]]\nname = "a"\nendpoint = "http://a:1"\ntls_fingerprint = "sha256:${'a'.repeat(64)}"`,
    /neurons\[0\]\.tls_fingerprint.*write https:/,
  ],
  'an endpoint that is not a URL': [
    '[[neurons]]\nname = "a"\nendpoint = "a:1"',
    /cortex\.toml:3: neurons\[0\]\.endpoint: "a:1" has no scheme: write http:\/\/a:1$/,
  ],
  'one endpoint for two nodes': [
    '[[neurons]]\nname = "a"\nendpoint = "http://h:1"\n[[neurons]]\nname = "b"\nendpoint = "http://H:1/"',
    /cortex\.toml:6: neurons\[1\]\.endpoint: the neurons "a" and "b" have the same endpoint/,
  ],
  'an endpoint with a password': [
    '[[neurons]]\nname = "a"\nendpoint = "http://me:secret@a:1"',
    /cortex\.toml:3: neurons\[0\]\.endpoint: a node is called without user name, query and fragment: write http:\/\/host:port$/,
  ],
  'an endpoint with a query': [
    '[[neurons]]\nname = "a"\nendpoint = "http://a:1/?token=x"',
    /neurons\[0\]\.endpoint: a node is called without user name, query and fragment/,
  ],
  'a number that is none': [
    '[timeouts]\nconnect_s = nan',
    /cortex\.toml:2: timeouts\.connect_s must be a number, not NaN/,
  ],
  'a duration that timers cannot wait for': [
    '[queue]\nmax_wait_s = 9999999',
    /cortex\.toml:2: queue\.max_wait_s must be at most 1000000, not 9999999/,
  ],
  'a node name with a space': [
    '[[neurons]]\nname = "my node"\nendpoint = "http://a:1"',
    /cortex\.toml:2: neurons\[0\]\.name must be 1 to 63 letters, digits, "\.", "_" or "-", and start with a letter or a digit, not "my node"/,
  ],
  'a trusted proxy that is a name': [
    '[gateway]\ntrusted_proxies = ["10.0.0.1", "proxy.lan"]',
    /cortex\.toml:2: gateway\.trusted_proxies\[1\] must be an IP address or a block of them, such as "10\.0\.0\.0\/8", not "proxy\.lan"$/,
  ],
  'an origin with a path': ['[gateway]\ncors_origins = ["https://a.example/"]', /cors_origins/],
  'a catalogue that is not there': [
    '[gateway]\nmodels_config = "other.toml"',
    /cortex\.toml:2: gateway\.models_config: \S*\/other\.toml cannot be read: no such/,
  ],
  'an address that is not one': [
    '[gateway]\n\nlisten = "a b:80"',
    /cortex\.toml:3: gateway\.listen: "a b:80" is not an address: .*write host:port/,
  ],
  'an address of the metrics without a host': [
    '[gateway]\nmetrics_listen = ":8080"',
    /cortex\.toml:2: gateway\.metrics_listen: ":8080" is not an address: write "127\.0\.0\.1:8080"/,
  ],
} as const;
for (const [what, [toml, message]] of Object.entries(WRONG)) {
  test(`${what} stops the start with an error that names the place`, () => {
    const folder = folderWith({ 'cortex.toml': `${toml}\n` });

    expect(() => loadGatewayConfig({ file: join(folder, 'cortex.toml'), env: {} })).toThrow(
      message,
    );
  });
}

test('an alias with the name "__proto__" stops the start with an error that names the place', () => {
  const folder = folderWith({
    'cortex.toml': '',
    'models.toml': '[aliases]\n"__proto__" = "m"\n',
  });

  expect(() => loadGatewayConfig({ file: join(folder, 'cortex.toml'), env: {} })).toThrow(
    /models\.toml:2: aliases\.__proto__: the name "__proto__" is not allowed here/,
  );
});

test('fields of an alias that are too long for a header stop the start with an error that names the place', () => {
  const alias = (length: number): string =>
    folderWith({
      'cortex.toml': '',
      'models.toml': `[aliases]\nbig = { model = "m", params = { stop = "${'x'.repeat(length)}" } }\n`,
    });
  const load = (folder: string) =>
    loadGatewayConfig({ file: join(folder, 'cortex.toml'), env: {} });

  expect(() => load(alias(6000))).toThrow(
    /models\.toml:2: aliases\.big\.params: the fields have more than 6000 bytes as JSON: shorten them/,
  );
  expect(() => load(alias(5980))).not.toThrow();
});

test('a port in use stops the start with an error that names file, line and key', async () => {
  using taken = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const file = join(
    folderWith({
      'cortex.toml': `[gateway]\nstate_dir = "state"\nlisten = "127.0.0.1:${taken.port}"\nmetrics_listen = "127.0.0.1:0"\n`,
    }),
    'cortex.toml',
  );

  const refused = await refusal(
    startGateway({
      ...loadGatewayConfig({ file, env: {} }),
      log: createLogger({ name: 'cortex', level: 'silent' }),
    }),
  );

  expect(refused).toBe(
    `${file}:3: gateway.listen: 127.0.0.1:${taken.port} is in use by another program: set gateway.listen (or CORTEX_GATEWAY__LISTEN) to another port`,
  );
});

test('a port in use stops the start with an error that names its key, and leaves no listener open', async () => {
  const taken = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });

  const refused = await refusal(
    GatewayUnderTest.start({ env: { CORTEX_GATEWAY__LISTEN: `127.0.0.1:${taken.port}` } }),
  );

  expect(refused).toMatch(/gateway\.listen.*in use/);

  await taken.stop(true);
});

test('a secret that cannot be read stops the start with an error that names file, line and key', async () => {
  const refused = await refusal(
    GatewayUnderTest.start({ toml: '[auth]\nadmin_key_file = "nowhere"\n' }),
  );

  expect(refused).toMatch(
    /cortex\.toml:\d+: auth\.admin_key_file: \S*\/nowhere cannot be read: no such/,
  );
});
