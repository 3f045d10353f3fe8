/** Life of the process: errors that nothing handles, SIGHUP, a log that nothing reads. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'bun:test';

import { FAKE_LLAMA_SERVER } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { isAlive, killDaemons, startDaemon } from './daemon.ts';
import { until } from './test-neuron.ts';

afterEach(killDaemons);

/** Throws where nothing catches it, when the daemon gets SIGUSR2. */
const FAULTS = {
  'a rejected promise': 'void Promise.reject(new Error("this was not handled"))',
  'an exception in a timer': 'setTimeout(() => { throw new Error("this was not handled"); }, 0)',
} as const;

describe('a daemon with an error that nothing handles', () => {
  test.each(Object.entries(FAULTS))(
    'logs it and exits with 1, and its engines end: %s',
    async (_, fault) => {
      const preload = join(temporaryFolder('neuron-fault'), 'fault.mjs');
      writeFileSync(
        preload,
        `if (process.argv[1]?.endsWith('main.ts')) process.on('SIGUSR2', () => { ${fault}; });`,
      );
      const { child, engines } = await startDaemon('', { BUN_OPTIONS: `--preload ${preload}` });
      const [engine] = engines();

      child.kill('SIGUSR2');

      expect(await child.exited).toBe(1);
      expect(await new Response(child.stderr).text()).toContain('this was not handled');
      await until(() => engine !== undefined && !isAlive(engine), 5000);
    },
    30_000,
  );
});

test('SIGHUP makes a daemon without a terminal read its token again, and does not end it', async () => {
  const token = join(temporaryFolder('neuron-token'), 'token');
  writeFileSync(token, 'old\n', { mode: 0o600 });
  const { child, node } = await startDaemon('', {
    NEURON_SECURITY__NODE_TOKEN_FILE: token,
    TEST_TOKEN: 'old',
  });
  const statusWith = async (given: string): Promise<number> =>
    (await fetch(`${node}/version`, { headers: { authorization: `Bearer ${given}` } })).status;
  expect(await statusWith('new')).toBe(401);

  writeFileSync(token, 'new\nold\n');
  child.kill('SIGHUP');

  await until(async () => (await statusWith('new')) === 200, 4000);
  expect(await statusWith('old')).toBe(200);
}, 30_000);

test('a proxy of the environment is not asked for servers of this machine', async () => {
  const command = [process.execPath, FAKE_LLAMA_SERVER, '--port', '${port}', '-a', 'other'];
  const harness = `[[harnesses]]\nname = "mine"\nkind = "llamacpp"\ncommand = ${JSON.stringify(command)}`;
  const nowhere = 'http://127.0.0.1:1';
  const env = { HTTP_PROXY: nowhere, http_proxy: nowhere };
  const { child, node, chat } = await startDaemon(harness, env);

  const loaded = await fetch(`${node}/models/load?wait=true`, {
    method: 'POST',
    body: JSON.stringify({ model_id: 'other', harness: 'mine' }),
  });

  expect(await loaded.json()).toEqual({ status: 'loaded' });
  expect((await chat({ model: 'other' })).status).toBe(200);
  // A daemon that is killed leaves the server to its next start.
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
}, 30_000);

test('a load that fails is one line of the log, with the file and the cause', async () => {
  const { child, node, root } = await startDaemon();
  writeFileSync(join(root, 'models/broken.gguf'), 'this is not a GGUF file');

  const answer = await fetch(`${node}/models/load?wait=true`, {
    method: 'POST',
    body: JSON.stringify({ model_id: 'broken' }),
  });
  const { message } = (await answer.json()).error;
  child.kill('SIGTERM');

  const lines = (await new Response(child.stderr).text()).split('\n');
  const failures = lines.filter((line) => line.includes('broken.gguf'));
  expect(failures.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'error', model: 'broken', reason: message, msg: 'model load failed' },
  ]);
}, 30_000);

test('a daemon whose log nothing reads goes on serving', async () => {
  const { node, child } = await startDaemon('', { NEURON_LOG: 'trace' });
  // Each refusal is a line of the log; together they are more than the pipe and the buffer hold.
  const path = `/${'x'.repeat(2000)}`;
  for (let count = 0; count < 600; count += 1) await (await fetch(node + path)).text();

  expect((await fetch(`${node}/health`)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
}, 60_000);
