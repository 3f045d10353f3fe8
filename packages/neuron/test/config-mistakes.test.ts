/** Every kind of mistake in neuron.toml stops the start with one message that names the file and what to change. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createSelfSigned } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { runNeuron } from '../src/program.ts';

/** Runs `neuron serve -c neuron.toml` in a folder with these files; it is expected not to start. */
async function serve(files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = temporaryFolder('neuron-mistakes');
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
  }
  const said: string[] = [];
  const file = join(folder, 'neuron.toml');
  const output = { print: () => undefined, warn: (text: string) => void said.push(text) };
  const code = await runNeuron(['serve', '-c', file], { env: {}, output });
  return { code, text: said.join('\n'), folder, file };
}

/** The text of neuron.toml → the line of the mistake, and what the message says. */
const MISTAKES: Readonly<Record<string, readonly [toml: string, line: number, says: string]>> = {
  'a misspelt key': ['\nlisen = "127.0.0.1:0"', 2, 'unknown key lisen, did you mean listen?'],
  'a key in the wrong table': [
    '[engine]\nstate_dir = "x"',
    2,
    'unknown key engine.state_dir, did you mean state_dir?',
  ],
  'an unknown table': ['[enigne]\nthreads = 1', 1, 'unknown key enigne, did you mean engine?'],
  'text for a number': ['[engine]\nthreads = "two"', 2, 'engine.threads'],
  'a number for text': ['listen = 13131', 1, 'listen'],
  'text for true or false': ['[security]\ninsecure = "yes"', 2, 'security.insecure'],
  'one value for a list': ['models_dirs = "/srv/models"', 1, 'models_dirs'],
  'a list for a table': ['engine = []', 1, 'engine'],
  'a table for a list': ['[default_models]\nmodel_id = "a"', 1, 'default_models'],
  'a negative number': ['shutdown_grace_s = -1', 1, 'shutdown_grace_s'],
  'a fraction of a thread': ['[engine]\nthreads = 1.5', 2, 'engine.threads'],
  'no threads': ['[engine]\nthreads = 0', 2, 'engine.threads'],
  infinity: ['shutdown_grace_s = inf', 1, 'shutdown_grace_s'],
  'not a number': ['[devices]\nreserve_mb = nan', 2, 'devices.reserve_mb'],
  'an unknown choice': ['[engine]\nisolation = "container"', 2, 'engine.isolation'],
  'an address without a port': ['listen = "127.0.0.1"', 1, 'write host:port'],
  'a port that does not exist': ['listen = "127.0.0.1:99999"', 1, 'listen'],
  'a port alone': ['listen = ":13131"', 1, 'write "127.0.0.1:13131" for this machine only'],
  'an open address without a token': [
    'listen = "0.0.0.0:0"',
    1,
    'set security.node_token_file, or security.insecure = true',
  ],
  'an origin with a path': [
    '[security]\ncors_origins = ["https://a.example/"]',
    2,
    'write "https://a.example"',
  ],
  'a host with a scheme': [
    '[security]\nallowed_hosts = ["https://a.example"]',
    2,
    'write "a.example"',
  ],
  'a certificate without its key': ['[security]\ntls_cert = "a.crt"', 2, 'tls_key'],
  'a default model without an id': ['[[default_models]]\nslots = 2', 1, 'model_id'],
  'a default model with a misspelt field': [
    '[[default_models]]\nmodel_id = "a"\ncontext_lenght = 1',
    3,
    'context_length',
  ],
  'the same key twice': ['listen = "a:1"\nlisten = "b:1"', 2, 'redefine'],
  'the same table twice': ['[engine]\nthreads = 1\n[engine]\nwedge_s = 1', 3, 'redefine'],
  'a line without a value': ['listen =', 1, ''],
  'text without its end': ['listen = "127.0.0.1:1', 1, ''],
  'a table without its end': ['[engine\nthreads = 1', 1, ''],
  'words without an equals sign': ['listen on every address', 1, ''],
  JSON: ['{"listen": "127.0.0.1:1"}', 1, ''],
};

describe('neuron does not start, and names file and line, with', () => {
  test.each(Object.entries(MISTAKES))('%s', async (_, [toml, line, says]) => {
    const { code, text, file } = await serve({ 'neuron.toml': toml });

    expect(code).toBe(1);
    expect(text).toStartWith(`neuron: ${file}:${line}: `);
    expect(text).toContain(says);
    expect(text).not.toMatch(/\n\s+at |undefined|\[object/);
  });
});

/** Files that are wrong in themselves, or that the configuration names. */
const FILES: Readonly<
  Record<string, readonly [files: Readonly<Record<string, string | Uint8Array>>, says: string]>
> = {
  'bytes that are not UTF-8': [{ 'neuron.toml': Uint8Array.of(0x61, 0xff, 0xfe) }, 'neuron.toml'],
  'UTF-16': [{ 'neuron.toml': Buffer.from('\ufefflisten = "a:1"', 'utf16le') }, 'neuron.toml'],
  'zero bytes': [{ 'neuron.toml': new Uint8Array(64) }, 'neuron.toml'],
  'a token file that does not exist': [
    { 'neuron.toml': '[security]\nnode_token_file = "nowhere"' },
    'security.node_token_file: ',
  ],
  'an empty token file': [
    { 'neuron.toml': '[security]\nnode_token_file = "token"', token: '\n\n' },
    'security.node_token_file: ',
  ],
  'a token of two words': [
    { 'neuron.toml': '[security]\nnode_token_file = "token"', token: 'my token\n' },
    'security.node_token_file: ',
  ],
  'a key of another certificate': [
    {
      'neuron.toml': '[security]\ntls_cert = "cert"\ntls_key = "key"',
      cert: createSelfSigned('a').cert,
      key: createSelfSigned('a').key,
    },
    'security.tls_key: ',
  ],
  'a state folder below a file': [
    { 'neuron.toml': 'listen = "127.0.0.1:0"\nstate_dir = "file/state"', file: '' },
    'state_dir: ',
  ],
  'a host name that does not exist': [
    { 'neuron.toml': 'listen = "nowhere.invalid:0"\nstate_dir = "s"\n[security]\ninsecure = true' },
    'listen: ',
  ],
};

describe('neuron does not start, and names the cause, with', () => {
  test.each(Object.entries(FILES))('%s', async (_, [files, says]) => {
    const { code, text } = await serve(files);

    expect(code).toBe(1);
    expect(text).toContain(says);
    expect(text.split('\n')).toHaveLength(1);
  });

  test('a configuration file that does not exist or is a folder', async () => {
    const folder = temporaryFolder('neuron-mistakes');
    mkdirSync(join(folder, 'neuron.toml'));
    const outcomes = await Promise.all(
      ['nowhere.toml', 'neuron.toml'].map(async (name) => {
        const said: string[] = [];
        const code = await runNeuron(['serve', '-c', join(folder, name)], {
          env: {},
          output: { print: () => undefined, warn: (text) => void said.push(text) },
        });
        return [code, said.join('\n')] as const;
      }),
    );

    expect(outcomes.map(([code]) => code)).toEqual([1, 1]);
    expect(outcomes[0]?.[1]).toContain('nowhere.toml');
    expect(outcomes[1]?.[1]).toContain('neuron.toml');
  });
});
