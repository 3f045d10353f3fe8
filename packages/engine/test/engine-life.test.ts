import { expect, test } from 'bun:test';
import { connect } from 'node:net';

import { SCRIPTED_WORKER_PATH } from '@cortex/testkit';

import { thrownBy } from '../src/conformance/subject.ts';
import { spawnEngine } from '../src/index.ts';
import { scriptedProcess } from './fixtures/engines.ts';
import { rawEngine } from './fixtures/raw-engine.ts';
import { chatOf, eventsOf, never, SPEC } from './fixtures/requests.ts';

test('an engine exits with code 64 when its owner speaks another version', async () => {
  const child = Bun.spawn([process.execPath, SCRIPTED_WORKER_PATH], {
    stdio: ['ignore', 'ignore', 'inherit', 'socket-fd'],
    env: { ...process.env, NODE_CHANNEL_FD: '3', NODE_CHANNEL_SERIALIZATION_MODE: 'json' },
  });
  const channel = connect({ fd: child.stdio[3] ?? -1, path: '' }).resume();

  channel.write('{"kind":"hello","protocol":2,"name":"owner","version":"9"}\n');

  expect(await child.exited).toBe(64);
  channel.destroy();
});

test('an engine program that is started by hand explains what it is for', async () => {
  const child = Bun.spawn([process.execPath, SCRIPTED_WORKER_PATH], { stderr: 'pipe' });

  expect(await new Response(child.stderr).text()).toContain('neuron starts it, with a channel');
  expect(await child.exited).not.toBe(0);
});

test('a cancelled load ends the engine process', async () => {
  const engine = await spawnEngine({ command: [process.execPath, SCRIPTED_WORKER_PATH] });
  const abort = new AbortController();

  const load = thrownBy(
    engine.load(SPEC, () => abort.abort(new Error('nobody waits')), abort.signal),
  );

  expect(await load).toMatchObject({ message: 'nobody waits' });
  expect(await engine.ended).toContain('was ended because its load was cancelled');
});

test('an engine that does not exit after close is killed', async () => {
  const engine = await spawnEngine({ command: rawEngine('deaf') });
  await engine.load(SPEC, () => undefined, never());

  await engine.close(0);

  expect(await engine.ended).toContain('did not end within its grace');
});

test('an engine sends stats about once per second', async () => {
  const engine = await scriptedProcess();
  await eventsOf(engine.generate(chatOf(3), never()));

  while (engine.lastStats === undefined) await Bun.sleep(20);

  expect(engine.lastStats.stats).toMatchObject({ slots: 4, busySlots: 0 });
  expect(performance.now() - engine.lastStats.atMs).toBeLessThan(1_000);
  expect(engine.lastStepAtMs).toBeNumber();
  await engine.close(0);
});

test('the owner sets the environment of the engine process', async () => {
  const engine = await spawnEngine({
    command: ['sh', '-c', 'echo "arena $MALLOC_ARENA_MAX gpu $CUDA_VISIBLE_DEVICES home $HOME"'],
    env: { CUDA_VISIBLE_DEVICES: '1', HOME: undefined },
    onLog: (line) => lines.push(line),
  }).catch(() => undefined);

  expect(engine).toBeUndefined();
  expect(lines).toEqual(['arena 2 gpu 1 home']);
});

const lines: string[] = [];

test('a body of 20 MB passes in both directions', async () => {
  const engine = await scriptedProcess();
  const content = 'ü'.repeat(10_000_000);

  const prompt = await engine.applyTemplate({ messages: [{ role: 'user', content }] });

  expect(prompt.length).toBe(content.length + '<user> '.length);
  expect(prompt.endsWith(content)).toBe(true);
  await engine.close(0);
});
