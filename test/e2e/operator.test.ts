/** What an operator does, with the command line alone, on a fleet of real nodes. */
import { expect, test } from 'bun:test';

import { AdminFleet, AdminRequests } from '@cortex/protocol';

import { askStream, GOOD_ANSWER, post } from './ask.ts';
import { type Fleet, measureNeed, modelsToml, startFleet } from './fleet.ts';
import { eventually } from './processes.ts';
import { CORTEX_BIN, Program } from './start-up.ts';

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
