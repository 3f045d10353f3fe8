import { expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger } from '@cortex/service';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { loadNeuronConfig } from '../src/config.ts';
import { startNeuron } from '../src/neuron.ts';
import { unreadableFolders } from '../src/unreadable-folders.ts';

/** The message with which neuron refuses to start with `lines` in its neuron.toml, and the folder of that file. */
async function refusalOf(...lines: readonly string[]) {
  const folder = temporaryFolder('neuron-config');
  const file = join(folder, 'neuron.toml');
  writeFileSync(file, `${lines.join('\n')}\n`);
  writeFileSync(join(folder, 'empty'), '\n');
  mkdirSync(join(folder, 'locked', 'neuron.lock'), { recursive: true });
  try {
    const neuron = await startNeuron({
      config: loadNeuronConfig({ file, env: {} }),
      log: createLogger({ name: 'neuron', level: 'silent' }),
    });
    await neuron.close(0);
  } catch (error) {
    return String(error).replaceAll(`${folder}/`, '');
  }
  throw new Error('neuron has started');
}

const FOLDERS = ['state_dir = "state"', 'models_dir = "models"', 'listen = "127.0.0.1:0"'];

test('an address that is not one stops neuron with file, line, key and what to write', async () => {
  expect(await refusalOf('# my node', 'listen = ":13131"')).toBe(
    'ConfigError: neuron.toml:2: listen: ":13131" is not an address: write "127.0.0.1:13131" for this machine only, "0.0.0.0:13131" for every address',
  );
});

test('an address beyond loopback without a token stops neuron with file, line and the keys to set', async () => {
  expect(await refusalOf('listen = "0.0.0.0:0"')).toBe(
    'ConfigError: neuron.toml:1: listen: "0.0.0.0:0" is reachable from other machines: set security.node_token_file, or security.insecure = true',
  );
});

test.each([
  ['absent', 'cannot be read: no such file or folder'],
  ['empty', 'is empty'],
])('the token file "%s" stops neuron with file, line, key and reason', async (name, reason) => {
  expect(await refusalOf(...FOLDERS, '[security]', `node_token_file = "${name}"`)).toBe(
    `ConfigError: neuron.toml:5: security.node_token_file: ${name} ${reason}`,
  );
});

test.each([
  ['neuron.toml', 'it exists already'],
  ['locked', 'it is a folder'],
])('the state folder "%s" stops neuron with file, line, key and reason', async (name, reason) => {
  const [, ...others] = FOLDERS;

  expect(await refusalOf(`state_dir = "${name}"`, ...others)).toBe(
    `ConfigError: neuron.toml:1: state_dir: ${name} cannot be used: ${reason}`,
  );
});

test.each([
  [
    'a command without a port',
    ['command = ["serve"]'],
    'neuron.toml:7: harnesses[0].command needs ${port}, so that neuron knows where the server is, or endpoint',
  ],
  [
    'neither command nor endpoint',
    [],
    'neuron.toml:5: harnesses[0].endpoint is missing: say where the server is, or give a command',
  ],
  [
    'a key file that does not exist',
    ['endpoint = "http://127.0.0.1:1"', 'api_key_file = "absent"'],
    'neuron.toml:8: harnesses[0].api_key_file is absent, which cannot be read: no such file or folder',
  ],
])('a harness with %s stops neuron with file, line, key and reason', async (_, lines, message) => {
  const harness = ['[[harnesses]]', 'name = "x"', 'kind = "vllm"', ...lines];

  expect(await refusalOf(...FOLDERS, ...harness)).toBe(`ConfigError: ${message}`);
});

test('a models folder that cannot be read is a warning with file, line, key and reason', () => {
  const folder = temporaryFolder('neuron-config');
  const file = join(folder, 'neuron.toml');
  writeFileSync(file, 'models_dir = "."\nmodels_dirs = [".", "absent", "neuron.toml"]\n');

  const warnings = unreadableFolders(loadNeuronConfig({ file, env: {} }));

  expect(warnings.map((warning) => warning.replaceAll(`${folder}/`, ''))).toEqual([
    'neuron.toml:2: models_dirs: absent cannot be read: no such file or folder; neuron serves no model from it',
    'neuron.toml:2: models_dirs: neuron.toml cannot be read: a part of the path is not a folder; neuron serves no model from it',
  ]);
});
