import { expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { loadNeuronConfig } from '../src/config.ts';

test('relative paths in neuron.toml are relative to that file, those of variables to the working directory', () => {
  const folder = join(temporaryFolder('neuron-paths'), 'etc');
  mkdirSync(folder);
  const file = join(folder, 'neuron.toml');
  writeFileSync(
    file,
    [
      'models_dir = "models"',
      'models_dirs = ["more", "/srv/models"]',
      'state_dir = "../state"',
      '[engine]',
      'runtime = "bin/bun"',
      '[security]',
      'node_token_file = "token"',
      'tls_cert = "cert.pem"',
      'tls_key = "key.pem"',
      'file_roots = ["files"]',
      '[[harnesses]]',
      'name = "a"',
      'kind = "openai"',
      'endpoint = "http://127.0.0.1:1"',
      'api_key_file = "key"',
      '[[harnesses]]',
      'name = "b"',
      'kind = "llamacpp"',
      'command = ["bin/serve", "-p", "${port}"]',
    ].join('\n'),
  );

  const { value } = loadNeuronConfig({ file, env: { NEURON_STATE_DIR: 'here' } });

  expect(value).toMatchObject({
    models_dir: join(folder, 'models'),
    models_dirs: [join(folder, 'more'), '/srv/models'],
    state_dir: join(process.cwd(), 'here'),
    engine: { runtime: join(folder, 'bin/bun') },
    security: {
      node_token_file: join(folder, 'token'),
      tls_cert: join(folder, 'cert.pem'),
      tls_key: join(folder, 'key.pem'),
      file_roots: [join(folder, 'files')],
    },
    harnesses: [
      { api_key_file: join(folder, 'key') },
      { command: [join(folder, 'bin/serve'), '-p', '${port}'] },
    ],
  });
});

test('a runtime without a slash is a program on the PATH', () => {
  const { value } = loadNeuronConfig({ file: undefined, env: { NEURON_ENGINE__RUNTIME: 'node' } });

  expect(value.engine.runtime).toBe('node');
});
