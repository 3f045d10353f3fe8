/** A node joins a fleet with two commands: a real gateway, a real neuron, a real model. */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { AdminNodes } from '@cortex/protocol';
import { afterEach, expect, test } from 'bun:test';
import { z } from 'zod';

import { askWhole, GOOD_ANSWER } from './ask.ts';
import { freePort } from './free-port.ts';
import { eventually } from './processes.ts';
import { CORTEX_BIN, Program, ROOT, startUp, type Up, Workspace } from './start-up.ts';

const NEURON_BIN = join(ROOT, 'packages/neuron/bin/neuron');
const GatewayReady = z.object({ api: z.url() });
const NodeReady = z.object({ node: z.url(), tls_fingerprint: z.string() });
const Token = z.object({ token: z.string(), command: z.string() });

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

function createWorkspace(): Workspace {
  const workspace = new Workspace();
  open.push({ close: async () => workspace[Symbol.dispose]() });
  return workspace;
}

function start(command: readonly string[], env: Record<string, string> = {}): Program {
  const program = new Program(command, { env: { NO_COLOR: '1', ...env } });
  open.push({
    async close() {
      if (program.child.exitCode === null) program.child.kill('SIGTERM');
      await program.ended;
    },
  });
  return program;
}

/** The output of a command. @throws Error with it when the command fails */
async function run(command: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const program = start(command, env);
  const code = await program.ended;
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${program.output}`);
  return program.output;
}

async function serve<T>(command: readonly string[], file: string, ready: z.ZodType<T>): Promise<T> {
  const program = start([...command, '--ready-file', file]);
  const ended = program.ended.then((code) => {
    throw new Error(`${command.join(' ')} ended with ${code}:\n${program.output}`);
  });
  ended.catch(() => undefined);
  await Promise.race([ended, eventually(file, () => existsSync(file), 20_000)]);
  return ready.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** A machine with the demonstration model and a neuron.toml without any secret. */
async function createNode(): Promise<{ readonly file: string; readonly workspace: Workspace }> {
  const workspace = createWorkspace();
  mkdirSync(workspace.path('models'));
  copyFileSync(join(ROOT, 'models/cortex-tiny.gguf'), workspace.path('models/cortex-tiny.gguf'));
  const file = workspace.write(
    'neuron.toml',
    `listen = "0.0.0.0:${await freePort()}"\nmodels_dir = "models"\nstate_dir = "node-state"\n[engine]\nthreads = 1\n`,
  );
  return { file, workspace };
}

/** The node of this name, as the gateway sees it. */
async function nodeOf(api: string, stateDir: string, name: string) {
  const key = readFileSync(join(stateDir, 'admin.key'), 'utf8').trim();
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch(`${api}/admin/v1/nodes`, { headers });
  return AdminNodes.parse(await answer.json()).nodes.find((node) => node.name === name);
}

test('a node joins with the command that "cortex join-token" prints, and answers over TLS with its own token', async () => {
  const gateway = createWorkspace();
  const config = gateway.write(
    'cortex.toml',
    '[gateway]\nlisten = "127.0.0.1:0"\nmetrics_listen = "127.0.0.1:0"\nstate_dir = "state"\n[control]\npoll_interval_s = 0.2\n',
  );
  const stateDir = gateway.path('state');
  const env = { CORTEX_STATE_DIR: stateDir };
  const { api } = await serve(
    [CORTEX_BIN, 'serve', '-c', config],
    gateway.path('gateway.json'),
    GatewayReady,
  );
  const { file, workspace } = await createNode();

  const printed = await run([CORTEX_BIN, 'join-token', '--json', '--url', api], env);
  const { command } = Token.parse(JSON.parse(printed));
  const [, ...args] = command.split(' ');
  const said = await run([NEURON_BIN, ...args, '-c', file, '--name', 'beast']);
  const { node, tls_fingerprint: pin } = await serve(
    [NEURON_BIN, 'serve', '-c', file],
    workspace.path('node.json'),
    NodeReady,
  );
  const seen = await eventually('the node', async () => {
    const found = await nodeOf(api, stateDir, 'beast');
    return found?.state === 'up' && found;
  });
  const answer = await askWhole(api);
  const withoutToken = await fetch(`${node}/models`, { tls: { rejectUnauthorized: false } });
  const again = start([NEURON_BIN, ...args, '-c', file, '--name', 'other']);

  expect(said).toContain(`beast has joined the fleet of ${api}`);
  expect(seen.endpoint).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  expect(readFileSync(join(stateDir, 'nodes.d/beast.toml'), 'utf8')).toContain(pin);
  expect(answer.choices[0]?.message.content).toMatch(GOOD_ANSWER);
  expect(withoutToken.status).toBe(401);
  expect(await again.ended).toBe(1);
  expect(again.output).toContain('The join token is not valid');
}, 60_000);

test('a node joins a running "cortex up", and is still in the fleet after a restart of it', async () => {
  const workspace = createWorkspace();
  const { file, workspace: node } = await createNode();
  const stateDir = workspace.path('state');
  const startFleet = async (): Promise<Up> => {
    const up = await startUp({ workspace, cortexToml: '[control]\npoll_interval_s = 0.2\n' });
    open.push({ close: async () => up[Symbol.asyncDispose]() });
    return up;
  };
  const untilUp = (api: string, name: string) =>
    eventually(name, async () => (await nodeOf(api, stateDir, name))?.state === 'up', 20_000);

  const first = await startFleet();
  const printed = await run([CORTEX_BIN, 'join-token', '--json', '--url', first.api], {
    CORTEX_STATE_DIR: stateDir,
  });
  const [, ...args] = Token.parse(JSON.parse(printed)).command.split(' ');
  await run([NEURON_BIN, ...args, '-c', file, '--name', 'beast']);
  await serve([NEURON_BIN, 'serve', '-c', file], node.path('node.json'), NodeReady);
  await untilUp(first.api, 'beast');
  first.program.child.kill('SIGTERM');
  await first.program.ended;
  const second = await startFleet();

  await untilUp(second.api, 'beast');
  await untilUp(second.api, 'local');
}, 60_000);
