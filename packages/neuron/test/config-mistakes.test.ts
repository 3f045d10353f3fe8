/**
 * Every kind of mistake in neuron.toml stops the start with one message that names the file and what to change. The
 * exact messages are in `config-errors.test.ts`, and the mistakes that every configuration shares in `@cortex/service`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createSelfSigned } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { expect, test } from 'bun:test';

import { runNeuron } from '../src/program.ts';

type Files = Readonly<Record<string, string | Uint8Array>>;

/** Runs `neuron serve -c neuron.toml` in a folder with these files; returns what it says without the path of the folder. */
async function serve(files: Files, name = 'neuron.toml') {
  const folder = temporaryFolder('neuron-mistakes');
  mkdirSync(join(folder, 'a-folder'));
  for (const [file, content] of Object.entries(files)) {
    writeFileSync(join(folder, file), content, { mode: 0o600 });
  }
  const said: string[] = [];
  const output = { print: () => undefined, warn: (text: string) => void said.push(text) };
  const code = await runNeuron(['serve', '-c', join(folder, name)], { env: {}, output });
  return { code, text: said.join('\n').replaceAll(`${folder}/`, '') };
}

test.each<[mistake: string, toml: string | Files, says: string]>([
  ['a misspelt key', '\nlisen = "a:1"', ':2: unknown key lisen, did you mean listen?'],
  [
    'a key in the wrong table',
    '[engine]\nstate_dir = "x"',
    ':2: unknown key engine.state_dir, did you mean state_dir?',
  ],
  ['an unknown table', '[enigne]\nthreads = 1', ':1: unknown key enigne, did you mean engine?'],
  ['text for a number', '[engine]\nthreads = "two"', ':2: engine.threads'],
  ['a number for text', 'listen = 13131', ':1: listen'],
  ['text for true or false', '[security]\ninsecure = "yes"', ':2: security.insecure'],
  ['one value for a list', 'models_dirs = "/srv/models"', ':1: models_dirs'],
  ['a list for a table', 'engine = []', ':1: engine'],
  ['a table for a list', '[default_models]\nmodel_id = "a"', ':1: default_models'],
  ['a number that is too small', 'shutdown_grace_s = -1', ':1: shutdown_grace_s'],
  ['a fraction of a thread', '[engine]\nthreads = 1.5', ':2: engine.threads'],
  ['infinity', 'shutdown_grace_s = inf', ':1: shutdown_grace_s'],
  ['not a number', '[devices]\nreserve_mb = nan', ':2: devices.reserve_mb'],
  ['an unknown choice', '[engine]\nisolation = "container"', ':2: engine.isolation'],
  ['a port that does not exist', 'listen = "127.0.0.1:99999"', ':1: listen'],
  [
    'a host with a scheme',
    '[security]\nallowed_hosts = ["https://a.b"]',
    ':2: security.allowed_hosts',
  ],
  [
    'an origin with a path',
    '[security]\ncors_origins = ["https://a.b/"]',
    ':2: security.cors_origins',
  ],
  [
    'a certificate without its key',
    '[security]\ntls_cert = "a.crt"',
    ':2: security.tls_cert: needs tls_key as well',
  ],
  ['a default model without an id', '[[default_models]]\nslots = 2', ':1: default_models'],
  [
    'a default model with a misspelt field',
    '[[default_models]]\nmodel_id = "a"\ncontext_lenght = 1',
    ':3: unknown key default_models[0].context_lenght, did you mean default_models[0].context_length?',
  ],
  ['the same key twice', 'listen = "a:1"\nlisten = "b:1"', ':2: '],
  ['the same table twice', '[engine]\nthreads = 1\n[engine]\nwedge_s = 1', ':3: '],
  ['text that is not TOML', 'listen on every address', ':1: '],
  ['bytes that are not UTF-8', { 'neuron.toml': Uint8Array.of(0x61, 0xff, 0xfe) }, ''],
  ['UTF-16', { 'neuron.toml': Buffer.from('\ufefflisten = "a:1"', 'utf16le') }, ''],
  ['zero bytes', { 'neuron.toml': new Uint8Array(64) }, ''],
  [
    'a token of two words',
    { 'neuron.toml': '[security]\nnode_token_file = "token"', token: 'my token\n' },
    ':2: security.node_token_file: ',
  ],
  [
    'a key of another certificate',
    {
      'neuron.toml': '[security]\ntls_cert = "cert"\ntls_key = "key"',
      cert: createSelfSigned('a').cert,
      key: createSelfSigned('a').key,
    },
    ':3: security.tls_key: ',
  ],
  ['a state folder below a file', 'state_dir = "neuron.toml/state"', ':1: state_dir: '],
  [
    'a host name that does not exist',
    'listen = "nowhere.invalid:0"\nstate_dir = "s"\n[security]\ninsecure = true',
    ':1: listen: ',
  ],
])('neuron does not start with %s, and names the file and the mistake', async (_, toml, says) => {
  const { code, text } = await serve(typeof toml === 'string' ? { 'neuron.toml': toml } : toml);

  expect(code).toBe(1);
  expect(text).toStartWith(`neuron: neuron.toml${says}`);
  // One message, and no leak of what the program is made of.
  expect(text).not.toMatch(/\n\s+at |undefined|\[object/);
});

test.each(['nowhere.toml', 'a-folder'])(
  'neuron does not start with the configuration file "%s", which it cannot read',
  async (name) => {
    const { code, text } = await serve({}, name);

    expect(code).toBe(1);
    expect(text).toContain(name);
  },
);
