/** What an operator does, with the command line alone, on a fleet of real nodes. */
import { expect, test } from 'bun:test';

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { AdminFleet, AdminRequests } from '@cortex/protocol';
import { startHubServer } from '@cortex/testkit/hub/hub-server';

import { askStream, askWhole, GOOD_ANSWER, post } from './ask.ts';
import { type Fleet, measureNeed, modelsToml, startFleet } from './fleet.ts';
import { Machines } from './machines.ts';
import { eventually } from './processes.ts';
import { CORTEX_BIN, Program, ROOT, startUp } from './start-up.ts';

/** Runs a command of cortex to its end. @throws Error with its output when it fails */
async function cortex(fleet: Fleet, ...args: readonly string[]): Promise<string> {
  const program = new Program([CORTEX_BIN, ...args], {
    env: { CORTEX_URL: fleet.api, CORTEX_ADMIN_KEY_FILE: fleet.keyFile, NO_COLOR: '1' },
  });
  const code = await program.ended;
  if (code !== 0)
    throw new Error(`cortex ${args.join(' ')} ended with ${code}:\n${program.output}`);
  return program.output;
}

const nodeOf = async (fleet: Fleet, model: string): Promise<string | null> => {
  const response = await post(fleet.api, { model, max_tokens: 1 });
  await response.text();
  return response.headers.get('x-cortex-node');
};

test('an operator sees, loads, pins, explains, drains, frees and reconfigures a fleet with the commands of cortex', async () => {
  const memoryMib = Math.ceil(2.5 * (await measureNeed()));
  await using fleet = await startFleet({
    hosts: [
      { name: 'one', memoryMib },
      { name: 'two', memoryMib },
    ],
    models: ['a', 'b'],
  });

  const before = await cortex(fleet, 'status');
  expect(before).toMatch(/one.*up/);
  expect(before).toMatch(/two.*up/);

  await cortex(fleet, 'load', 'b', '--node', 'two');
  await eventually('b on two', async () => (await nodeOf(fleet, 'b')) === 'two');
  await cortex(fleet, 'pin', 'b');
  expect(JSON.stringify(await fleet.admin('/models'))).toContain('"pinned":true');
  expect(await cortex(fleet, 'explain', 'b')).toStartWith('b is loaded on two');
  expect(await cortex(fleet, 'explain', 'a')).toMatch(/^a is not loaded\.\nA load would go to /);

  await cortex(fleet, 'drain', 'one');
  expect(await nodeOf(fleet, 'a')).toBe('two');
  await cortex(fleet, 'drain', 'one', '--undo');

  const freed = await cortex(fleet, 'free', 'two', '--for', '1m');
  expect(freed).toContain('b');
  expect(await nodeOf(fleet, 'b')).toBe('one');

  const waited = await post(fleet.api, { model: 'a', max_tokens: 1 });
  await waited.text();
  const why = await cortex(fleet, 'explain', waited.headers.get('x-request-id') ?? '');
  expect(why).toMatch(/asked for a and went to one /);
  const explained = decodeURIComponent(waited.headers.get('x-cortex-explain') ?? '');
  expect(explained).toMatch(/^It went to one after .+ a was loaded on one /);
  expect(await cortex(fleet, 'explain', 'a@two')).toStartWith('a is not loaded on two.');
  const { requests } = AdminRequests.parse(await fleet.admin('/requests?model=a&limit=1'));
  expect(requests).toMatchObject([{ node: 'one', outcome: 'ok', explain: explained }]);
  const status = AdminFleet.parse(JSON.parse(await cortex(fleet, 'status', '--json')));
  expect(status.models.map(({ id }) => id)).toEqual(['a', 'b']);

  const stream = askStream(fleet.api, { model: 'b' });
  fleet.writeModels(`${modelsToml(['a', 'b'])}\n[aliases]\nfast = "b"\n`);
  const viaAlias = await eventually('the alias', async () => {
    const response = await post(fleet.api, { model: 'fast', max_tokens: 1 });
    await response.text();
    return response.status === 200 && response;
  });
  expect(viaAlias.headers.get('x-cortex-model')).toBe('b');
  const report = await stream;
  expect([report.error, report.hasDone]).toEqual([undefined, true]);
  expect(report.text).toMatch(GOOD_ANSWER);
}, 60_000);

test('an operator adds a model and a machine, places the model there, and removes it, with the commands of cortex and neuron', async () => {
  await using machines = new Machines();
  const tiny = new Uint8Array(readFileSync(join(ROOT, 'models/cortex-tiny.gguf')));
  const repositories = { 'org/tiny-GGUF': { files: { 'tiny-Q8_0.gguf': tiny } } };
  const hub = machines.keep(await startHubServer({ repositories }));
  const hubEnv = { HF_ENDPOINT: hub.url };
  const cortexToml = '[control]\npoll_interval_s = 0.2\n';
  const up = machines.keep(await startUp({ env: hubEnv, cortexToml }));
  const stateDir = up.workspace.path('state');
  const operator = { CORTEX_URL: up.api, CORTEX_STATE_DIR: stateDir };
  const run = (...args: readonly string[]) => machines.run([CORTEX_BIN, ...args], operator);

  const added = await run('add', 'hf:org/tiny-GGUF:Q8_0', '--id', 'added', '--context', '1024');
  expect(added).toMatch(/^added is in .*models\.toml\.\n {2}local: needs \d+ MiB, fits now\n/);

  const machine = await machines.createNode();
  const args = await machines.joinArguments(up.api, { CORTEX_STATE_DIR: stateDir });
  const joining = machines.join(args, machine, 'beast');
  // With its output if it fails.
  expect([await joining.ended, joining.output]).toEqual([
    0,
    expect.stringContaining('beast has joined'),
  ]);
  await machines.serveNode(machine);
  await eventually('beast', async () => /beast.*up/.test(await run('status')), 20_000);

  expect(await run('load', 'cortex-tiny', '--node', 'beast')).toContain('beast');
  const answer = await post(up.api, { model: 'cortex-tiny@beast', max_tokens: 1 });
  await answer.text();
  expect([answer.status, answer.headers.get('x-cortex-node')]).toEqual([200, 'beast']);
  expect((await askWhole(up.api, { model: 'added', max_tokens: 8 })).choices).toHaveLength(1);
  expect(await run('explain', 'added')).toStartWith('added is loaded on local');

  await run('unload', 'added');
  expect(await run('rm', 'added', '--files')).toContain('added is removed from');
  await eventually('the end of added', async () => !(await run('models')).includes('added'));
}, 90_000);
