/** A node joins a fleet with two commands: a real gateway, a real neuron, a real model. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { AdminNodes } from '@cortex/protocol';
import { expect, test } from 'bun:test';
import { z } from 'zod';

import { askWhole, GOOD_ANSWER } from './ask.ts';
import { Machines } from './machines.ts';
import { eventually } from './processes.ts';
import { CORTEX_BIN, startUp, type Up } from './start-up.ts';

const GatewayReady = z.object({ api: z.url() });

/** The node of this name, as the gateway sees it. */
async function nodeOf(api: string, stateDir: string, name: string) {
  const key = readFileSync(join(stateDir, 'admin.key'), 'utf8').trim();
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch(`${api}/admin/v1/nodes`, { headers });
  return AdminNodes.parse(await answer.json()).nodes.find((node) => node.name === name);
}

test('a node joins with the command that "cortex join-token" prints, and answers over TLS with its own token', async () => {
  await using machines = new Machines();
  const gateway = machines.createWorkspace();
  const config = gateway.write(
    'cortex.toml',
    '[gateway]\nlisten = "127.0.0.1:0"\nmetrics_listen = "127.0.0.1:0"\nstate_dir = "state"\n[control]\npoll_interval_s = 0.2\n',
  );
  const stateDir = gateway.path('state');
  const { api } = await machines.serve(
    [CORTEX_BIN, 'serve', '-c', config],
    gateway.path('gateway.json'),
    GatewayReady,
  );
  const machine = await machines.createNode();

  const args = await machines.joinArguments(api, { CORTEX_STATE_DIR: stateDir });
  const joined = machines.join(args, machine, 'beast');
  const code = await joined.ended;
  const { node, tls_fingerprint: pin } = await machines.serveNode(machine);
  const seen = await eventually('the node', async () => {
    const found = await nodeOf(api, stateDir, 'beast');
    return found?.state === 'up' && found;
  });
  const answer = await askWhole(api);
  const withoutToken = await fetch(`${node}/models`, { tls: { rejectUnauthorized: false } });
  const again = machines.join(args, machine, 'other');

  expect(code).toBe(0);
  expect(joined.output).toContain(`beast has joined the fleet of ${api}`);
  expect(seen.endpoint).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  expect(readFileSync(join(stateDir, 'nodes.d/beast.toml'), 'utf8')).toContain(pin);
  expect(answer.choices[0]?.message.content).toMatch(GOOD_ANSWER);
  expect(withoutToken.status).toBe(401);
  expect(await again.ended).toBe(1);
  expect(again.output).toContain('The join token is not valid');
}, 60_000);

test('a node joins a running "cortex up", and is still in the fleet after a restart of it', async () => {
  await using machines = new Machines();
  const workspace = machines.createWorkspace();
  const machine = await machines.createNode();
  const stateDir = workspace.path('state');
  const startFleet = async (): Promise<Up> =>
    machines.keep(await startUp({ workspace, cortexToml: '[control]\npoll_interval_s = 0.2\n' }));
  const untilUp = (api: string, name: string) =>
    eventually(name, async () => (await nodeOf(api, stateDir, name))?.state === 'up', 20_000);

  const first = await startFleet();
  const args = await machines.joinArguments(first.api, { CORTEX_STATE_DIR: stateDir });
  expect(await machines.join(args, machine, 'beast').ended).toBe(0);
  await machines.serveNode(machine);
  await untilUp(first.api, 'beast');
  first.program.child.kill('SIGTERM');
  await first.program.ended;
  const second = await startFleet();

  await untilUp(second.api, 'beast');
  await untilUp(second.api, 'local');
}, 60_000);
