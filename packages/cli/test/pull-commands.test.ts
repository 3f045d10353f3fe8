import { describe, expect, test } from 'bun:test';

import { AdminPull, AdminRemoved } from '@cortex/protocol';

import { CliError } from '../src/cli-error.ts';
import { addCommand } from '../src/commands/add.ts';
import { pullCommand } from '../src/commands/pull.ts';
import { rmCommand } from '../src/commands/rm.ts';
import { FakeClient, FakeTerminal, plain } from './fake-client.ts';

const pull = (fields: Readonly<Record<string, unknown>>): AdminPull =>
  AdminPull.parse({
    node: 'beast',
    pull: { model_id: 'org/m', source: 'hf:org/m', bytes_done: 0, ...fields },
  });

function fixture() {
  const client = new FakeClient();
  const terminal = new FakeTerminal();
  return { client, terminal, context: { connect: () => client, terminal, paint: plain } };
}

describe('cortex pull', () => {
  test('prints progress on standard error and the result on standard output', async () => {
    const { client, terminal, context } = fixture();
    client.pulls = [
      pull({ status: 'running', bytes_done: 5e8, bytes_total: 1e9, progress: 0.5 }),
      pull({ status: 'done', bytes_done: 1e9, bytes_total: 1e9, progress: 1, quant: 'Q8_0' }),
    ];

    await pullCommand(context).parseAsync(['hf:org/m:Q8_0', '--node', 'beast'], { from: 'user' });

    expect(client.calls).toEqual([
      { model: 'org/m', source: 'hf:org/m', quant: 'Q8_0', node: 'beast' },
    ]);
    expect(terminal.warnings).toContain('50 %  500 MB of 1.0 GB');
    expect(terminal.text).toBe('org/m (Q8_0) is on beast: 1.0 GB, complete and checked.\n');
  });

  test('prints one JSON document with --json', async () => {
    const { client, terminal, context } = fixture();
    client.pulls = [pull({ status: 'done', bytes_done: 7 })];

    await pullCommand(context).parseAsync(['org/m', '--json'], { from: 'user' });

    expect(JSON.parse(terminal.text)).toMatchObject({ node: 'beast', pull: { status: 'done' } });
  });

  test('fails with the reason of the node', async () => {
    const { client, context } = fixture();
    client.pulls = [pull({ status: 'failed', error: 'hf:org/m does not exist.' })];

    const failure = pullCommand(context).parseAsync(['org/m'], { from: 'user' });

    await expect(failure).rejects.toThrow(new CliError('hf:org/m does not exist.'));
  });
});

describe('cortex rm', () => {
  test('removes the files of a model, and says that models.toml still has it', async () => {
    const { client, terminal, context } = fixture();
    client.removed = AdminRemoved.parse({
      model: 'org/m',
      results: [{ node: 'beast', files: ['/models/m.gguf'], freed_bytes: 4.9e9 }],
      catalogued: true,
    });

    await rmCommand(context).parseAsync(['org/m', '--files'], { from: 'user' });

    expect(terminal.text).toBe('The files of org/m are removed from beast: 4.9 GB.\n');
    expect(terminal.warnings).toContain('models.toml still has org/m');
  });

  test('without --files removes the model from models.toml only', async () => {
    const { client, terminal, context } = fixture();
    client.removed = AdminRemoved.parse({
      model: 'org/m',
      results: [],
      catalogued: false,
      file: '/etc/cortex/models.toml',
    });

    await rmCommand(context).parseAsync(['org/m'], { from: 'user' });

    expect(client.calls).toEqual([{ model: 'org/m', node: undefined, files: false }]);
    expect(terminal.text).toBe('org/m is removed from /etc/cortex/models.toml.\n');
  });

  test('with --node but without --files is a usage error', async () => {
    const { client, context } = fixture();

    const failure = rmCommand(context).parseAsync(['org/m', '--node', 'a'], { from: 'user' });

    await expect(failure).rejects.toMatchObject({ exitCode: 2 });
    expect(client.calls).toEqual([]);
  });
});

describe('cortex add', () => {
  test('says what the model needs, downloads it, and prints a call', async () => {
    const { client, terminal, context } = fixture();
    client.addedNodes = [
      { node: 'beast', need_mb: 5120, fits: true },
      { node: 'laptop', need_mb: 5120, fits: false, missing_mb: 1024 },
      { node: 'old', error: 'no space' },
    ];
    client.pulls = [
      AdminPull.parse({
        node: 'beast',
        pull: { model_id: 'org/m', source: 'hf:org/m', status: 'done', bytes_done: 4.9e9 },
      }),
    ];

    await addCommand(context).parseAsync(['hf:org/m:Q4_K_M', '--context', '8192'], {
      from: 'user',
    });

    expect(client.added).toEqual([
      { id: 'org/m', source: 'hf:org/m', quant: 'Q4_K_M', context_length: 8192 },
    ]);
    expect(terminal.text.split('\n').slice(0, 5)).toEqual([
      'org/m is in /etc/cortex/models.toml.',
      '  beast: needs 5120 MiB, fits now',
      '  laptop: needs 5120 MiB, 1024 MiB are missing now',
      '  old: no space',
      'It is on beast: 4.9 GB, complete and checked.',
    ]);
    expect(terminal.text).toContain('curl -s http://gateway/v1/chat/completions');
  });

  test.each([[['org/m']], [['hf:org/m', '--context', 'many']]])(
    '%p is a usage error',
    async (args) => {
      const { client, context } = fixture();

      const failure = addCommand(context).parseAsync(args, { from: 'user' });

      await expect(failure).rejects.toMatchObject({ exitCode: 2 });
      expect(client.added).toEqual([]);
    },
  );
});
