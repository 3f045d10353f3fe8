import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'bun:test';

import { askWhole } from './ask.ts';
import { lanAddresses } from '../../packages/cli/src/up/lan-addresses.ts';
import { adminGet, CORTEX_BIN, Program, ROOT, startUp, Workspace } from './start-up.ts';

test('cortex up stores its state in CORTEX_STATE_DIR and writes its addresses to the ready file', async () => {
  const workspace = new Workspace();
  await using up = await startUp({ workspace });

  expect(existsSync(workspace.path('state/models'))).toBe(true);
  expect(existsSync(workspace.path('state/neuron'))).toBe(true);
  for (const url of [`${up.api}/health`, `${up.node}/health`, `${up.metrics}/metrics`]) {
    expect((await fetch(url)).status).toBe(200);
  }
});

const [address] = lanAddresses();

test.skipIf(address === undefined)(
  'cortex up --lan opens the API to the network, but not the admin API or the neuron (needs a network address)',
  async () => {
    await using up = await startUp({ args: ['--lan'] });
    const { port } = new URL(up.api);
    const fromOutside = `http://${address}:${port}`;

    expect(up.program.output).toContain(`${fromOutside}/v1`);
    expect((await askWhole(fromOutside, { max_tokens: 4 })).choices).toHaveLength(1);
    expect((await fetch(`${fromOutside}/admin/v1/nodes`)).status).toBe(403);
    expect((await adminGet(up, '/nodes')).status).toBe(200);
    const neuron = `http://${address}:${new URL(up.node).port}/health`;
    expect(await fetch(neuron).catch(() => 'refused')).toBe('refused');
  },
);

test.skipIf(address === undefined)(
  'cortex up and the commands that need the admin key work on a network address of the host (needs a network address)',
  async () => {
    await using up = await startUp({ env: { CORTEX_GATEWAY__LISTEN: `${address}:0` } });

    const status = new Program([CORTEX_BIN, 'status', '--url', up.api], {
      env: up.workspace.env,
    });

    expect(await status.ended).toBe(0);
    expect(status.output).toContain('1 of 1 nodes up');
  },
);

test('the commands find the admin key in the folder that the configuration of cortex up sets', async () => {
  const workspace = new Workspace();
  workspace.write('mine', 'a-key-of-my-own');
  await using up = await startUp({
    workspace,
    cortexToml: '[auth]\nadmin_key_file = "mine"\n',
  });

  const status = new Program([CORTEX_BIN, 'status', '--url', up.api], {
    env: workspace.env,
  });

  expect(await status.ended).toBe(0);
});

test('cortex up on a machine with little memory leaves it to the models that requests name', async () => {
  const workspace = new Workspace();
  copyFileSync(join(ROOT, 'models', 'cortex-tiny.gguf'), join(workspace.modelsDir, 'mine.gguf'));
  await using up = await startUp({
    workspace,
    env: { NEURON_DEVICES__CPU_MEMORY_MB: '24' },
    modelsToml: '[[models]]\nid = "mine"\ncontext_length = 2048\nslots = 1\n',
  });

  expect(up.program.output).toContain('cortex-tiny  loads at its first request');
  expect((await askWhole(up.api, { model: 'mine', max_tokens: 2 })).choices).toHaveLength(1);
});
