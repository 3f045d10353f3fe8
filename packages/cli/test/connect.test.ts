import { expect, test } from 'bun:test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { connectCommand } from '../src/commands/connect.ts';
import { mergeIntoFile } from '../src/connect/merge-file.ts';
import { FakeClient, FakeTerminal, listedModel, plain } from './fake-client.ts';

const TOOLS = ['text', 'tools'];
const MODELS = [
  listedModel({ id: 'cold', loaded: false, limit: undefined }),
  listedModel({ id: 'org/warm', capabilities: TOOLS, limit: { context: 8192, output: 4096 } }),
  listedModel({ id: 'vectors', capabilities: ['embedding'] }),
];

async function connect(args: readonly string[], listed = MODELS) {
  const terminal = new FakeTerminal();
  const client = new FakeClient();
  client.listed = listed;
  const command = connectCommand({ connect: () => client, terminal, paint: plain });
  await command.exitOverride().parseAsync([...args], { from: 'user' });
  return terminal;
}

test('cortex connect lists the programs that it knows', async () => {
  const { text } = await connect([]);

  for (const name of ['opencode', 'zed', 'continue', 'aider', 'openai'])
    expect(text).toMatch(new RegExp(`^${name} `, 'm'));
});

test('cortex connect opencode prints a provider with every model that answers chats', async () => {
  const { text } = await connect(['opencode']);

  expect(JSON.parse(text)).toEqual({
    $schema: 'https://opencode.ai/config.json',
    provider: {
      cortex: {
        npm: '@ai-sdk/openai-compatible',
        name: 'cortex',
        options: { baseURL: 'http://gateway/v1' },
        models: {
          'org/warm': { name: 'org/warm', limit: { context: 8192, output: 4096 } },
          cold: { name: 'cold' },
        },
      },
    },
  });
});

test('cortex connect zed leaves out a model whose context is unknown, and says so on standard error', async () => {
  const { text, warnings } = await connect(['zed']);

  expect(JSON.parse(text)).toMatchObject({
    language_models: {
      openai_compatible: {
        cortex: {
          api_url: 'http://gateway/v1',
          available_models: [
            { name: 'org/warm', max_tokens: 8192, capabilities: { tools: true, images: false } },
          ],
        },
      },
    },
  });
  expect(warnings).toBe('cold is left out: its context length is known after its first load\n');
});

test('cortex connect continue prints YAML with one entry per model', async () => {
  const { text } = await connect(['continue']);

  expect(Bun.YAML.parse(text)).toMatchObject({
    schema: 'v1',
    models: [
      { name: 'org/warm', provider: 'openai', model: 'org/warm', apiBase: 'http://gateway/v1' },
      { name: 'cold' },
    ],
  });
});

test.each(["it's", '$(reboot)', 'a b'])(
  'cortex connect aider prints commands in which a shell reads the model name %p as one word',
  async (id) => {
    const { text } = await connect(['aider'], [listedModel({ id })]);

    const script = `aider() { printf %s "$2"; }\n${text}`;
    expect(Bun.spawnSync(['sh', '-c', script]).stdout.toString()).toBe(`openai/${id}`);
  },
);

test('cortex connect without a model on the gateway is an error that says where to look', async () => {
  await expect(connect(['openai'], [])).rejects.toThrow('cortex status');
});

test('cortex connect --write is a usage error for a program without a file of its own', async () => {
  await expect(connect(['aider', '--write'])).rejects.toMatchObject({ exitCode: 2 });
});

test('settings are added to a file, and everything else in it stays', () => {
  const file = join(temporaryFolder('cortex-connect'), 'opencode.json');
  const before = {
    theme: 'dark',
    provider: { other: { name: 'o' }, cortex: { name: 'old', x: 1 } },
  };
  writeFileSync(file, JSON.stringify(before));

  mergeIntoFile(file, { provider: { cortex: { name: 'cortex' } } });

  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    theme: 'dark',
    provider: { other: { name: 'o' }, cortex: { name: 'cortex', x: 1 } },
  });
});

test('settings are written to a new file', () => {
  const file = join(temporaryFolder('cortex-connect'), 'opencode.json');

  expect(mergeIntoFile(file, { a: 1 })).toBe(file);

  expect(readFileSync(file, 'utf8')).toBe('{\n  "a": 1\n}\n');
});

test.each(['{ // mine\n}', '[]', '', 'theme'])(
  'a file with the text %j is not changed, because its text would be lost',
  (text) => {
    const folder = temporaryFolder('cortex-connect');
    const file = join(folder, 'opencode.json');
    writeFileSync(file, text);

    expect(() => mergeIntoFile(file, { a: 1 })).toThrow('add the settings yourself');

    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(readdirSync(folder)).toEqual(['opencode.json']);
  },
);

test('a folder that cannot be written to is an error with the path and the reason', () => {
  const file = join(temporaryFolder('cortex-connect'), 'absent', 'opencode.json');

  expect(() => mergeIntoFile(file, { a: 1 })).toThrow(
    /absent\/opencode\.json cannot be written: no such file or folder$/,
  );
});
