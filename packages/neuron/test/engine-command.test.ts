import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { expect, test } from 'bun:test';

import { createTestFolder, until } from './test-neuron.ts';

const BIN = fileURLToPath(new URL('../bin/neuron', import.meta.url));

test('an engine process gets the flags of the daemon, so it reads no .env in the working directory', async () => {
  const { root, modelsDir } = createTestFolder();
  const cwd = temporaryFolder('neuron-cwd');
  writeFileSync(join(cwd, '.env'), 'NEURON_FROM_ENV_FILE=1\n');
  const config = join(root, 'neuron.toml');
  writeFileSync(config, '[[default_models]]\nmodel_id = "tiny"\n[engine]\nthreads = 1\n');
  await using child = Bun.spawn([BIN, 'serve', '-c', config], {
    cwd,
    stdio: ['ignore', 'ignore', 'ignore'],
    env: {
      ...process.env,
      NEURON_LISTEN: '127.0.0.1:0',
      NEURON_MODELS_DIR: modelsDir,
      NEURON_STATE_DIR: join(root, 'state'),
    },
  });
  const engines = join(root, 'state', 'engines');
  await until(() => existsSync(engines) && readdirSync(engines).length > 0);
  const [pid] = readdirSync(engines).map((name) => Number.parseInt(name, 10));

  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');

  expect(command).toContain('--no-env-file');
  expect(environment).not.toContain('NEURON_FROM_ENV_FILE');
  child.kill('SIGTERM');
});
