/** Servers that neuron starts with a command: their processes. The program is a fake llama-server. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger } from '@cortex/service';
import { FAKE_LLAMA_SERVER } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import { endLeftoverProcesses } from '../src/processes/process-records.ts';
import { processStartTime } from '../src/processes/process-start-time.ts';
import {
  createTestFolder,
  failureOf,
  readEngineRecords,
  readUntil,
  TestNeuron,
  until,
} from './test-neuron.ts';

const PROGRAM = [process.execPath, FAKE_LLAMA_SERVER, '--port', '${port}'];

const PER_MODEL = {
  name: 'each',
  kind: 'llamacpp',
  mode: 'per_model',
  command: [...PROGRAM, '-m', '${file}', '-c', '${context_total}', '-np', '${slots}'],
};

const SHARED = { name: 'one', kind: 'llamacpp', command: [...PROGRAM, '-a', 'tiny', '-np', '2'] };

const start = (
  harness: Readonly<Record<string, unknown>>,
  flags: Readonly<Record<string, unknown>> = {},
) =>
  TestNeuron.start({
    flags: { harnesses: [harness], ...flags },
    parts: { respawnPauseMs: () => 0 },
  });

/** The process of a model, or of a harness whose models share a server. */
function pidOf({ root }: TestNeuron, name: string): number | undefined {
  const state = join(root, 'state');
  // The folder of the records is made with the first one.
  if (!existsSync(join(state, 'engines'))) return undefined;
  return readEngineRecords(state).find(({ model_id: id }) => id === name)?.pid;
}

function kill(neuron: TestNeuron, name: string, signal: NodeJS.Signals): number {
  const pid = pidOf(neuron, name);
  if (pid === undefined) throw new Error('no server runs');
  process.kill(pid, signal);
  return pid;
}

const LONG = { stream: true, max_tokens: 100_000 };

describe('a server that neuron starts for one model', () => {
  test('gets file, port, context and slots, and serves the model under its id', async () => {
    await using neuron = await start(PER_MODEL);

    await neuron.load({ harness: 'each', context_length: 1000, slots: 3 });

    expect(await neuron.model()).toMatchObject({
      harness: 'each',
      status: 'loaded',
      limit: { context: 1000 },
      backend: 'cpu',
    });
    expect((await neuron.model())['ram_used_mb']).toBeGreaterThan(5);
    expect((await neuron.health()).models[0]?.max_in_flight).toBe(3);
    expect(await (await neuron.chat()).json()).toMatchObject({ model: 'tiny' });
  });

  test('ends with its model, and its record too', async () => {
    await using neuron = await start(PER_MODEL);
    await neuron.load({ harness: 'each' });
    const pid = pidOf(neuron, 'tiny') ?? 0;

    await neuron.post('/models/unload', { model_id: 'tiny' });

    expect(processStartTime(pid)).toBeUndefined();
    expect(pidOf(neuron, 'tiny')).toBeUndefined();
    expect((await neuron.model()).status).toBe('unloaded');
  });

  test('that is killed ends its streams with an error event, and is started again', async () => {
    await using neuron = await start(PER_MODEL);
    await neuron.load({ harness: 'each' });
    const { generation } = await neuron.model();
    const { reader } = await readUntil(await neuron.chat(LONG), 'w2 ');

    kill(neuron, 'tiny', 'SIGKILL');

    const { seen } = await readUntil(reader, '[DONE]');
    expect(seen).toContain('"code":"node_recovering"');
    await until(async () => (await neuron.model()).generation === generation + 1);
    expect((await neuron.chat()).status).toBe(200);
    expect(await neuron.seatsTaken()).toBe(0);
  });

  test('that dies four times has failed, with the reason', async () => {
    await using neuron = await start(PER_MODEL);
    await neuron.load({ harness: 'each' });
    let last: number | undefined;
    for (let death = 1; death <= 4; death += 1) {
      await until(
        async () => pidOf(neuron, 'tiny') !== last && (await neuron.model()).status === 'loaded',
      );
      last = kill(neuron, 'tiny', 'SIGKILL');
    }

    await until(async () => (await neuron.model()).status === 'failed');

    expect((await neuron.model()).reason).toContain('its server died 4 times in 10 minutes');
  }, 30_000);

  test('that stops answering is killed and started again', async () => {
    await using neuron = await start(PER_MODEL, { 'engine.wedge_s': 12 });
    await neuron.load({ harness: 'each' });

    const pid = kill(neuron, 'tiny', 'SIGSTOP');

    await until(async () => processStartTime(pid) === undefined, 40_000);
    await until(async () => (await neuron.model()).status === 'loaded');
  }, 60_000);

  test('that ends before it is ready fails the load with its last line, which the log shows too', async () => {
    await using neuron = await start({
      ...PER_MODEL,
      command: ['/bin/sh', '-c', 'echo no such device >&2; exit 3', '${port}'],
    });

    const failure = await failureOf(neuron.load({ harness: 'each', vram_mb: 1 }));

    expect(failure.message).toContain('exit code 3; its last line: no such device');
    const logs = await (await neuron.get('/models/tiny/logs')).json();
    expect(logs.lines).toEqual(['no such device']);
  });

  test('whose program does not exist fails the load for good, with the program', async () => {
    await using neuron = await start({ ...PER_MODEL, command: ['/nowhere/server', '${port}'] });

    const answer = await neuron.post('/models/load?wait=true', {
      model_id: 'tiny',
      harness: 'each',
    });

    expect(answer.status).toBe(422);
    expect((await answer.json()).error.message).toContain('/nowhere/server cannot be started');
  });

  test('gets the arguments of a load call only if its operator accepts them', async () => {
    const load = { model_id: 'tiny', harness: 'each', args: ['-a', 'named'] };
    await using closed = await start(PER_MODEL);
    const refused = await closed.post('/models/load?wait=true', load);
    expect((await refused.json()).error).toMatchObject({ param: 'args' });

    await using open = await start({ ...PER_MODEL, accept_args: true });
    await open.load(load);
    await open.chat();
    const body = await fetch(`${await serverUrl(open)}/fake/last-body`);
    expect(await body.json()).toMatchObject({ model: 'named' });
  });

  test('is cancelled during its start by the operator, and no process is left', async () => {
    await using neuron = await start({ ...PER_MODEL, env: { FAKE_LOAD_MS: '60000' } });
    const loading = neuron.post('/models/load?wait=true', { model_id: 'tiny', harness: 'each' });
    await until(() => pidOf(neuron, 'tiny') !== undefined);
    const pid = pidOf(neuron, 'tiny') ?? 0;

    await neuron.post('/models/unload', { model_id: 'tiny' });

    expect((await loading).status).toBe(503);
    expect(processStartTime(pid)).toBeUndefined();
  });
});

/** The address of the server process of `tiny`, from its arguments. */
async function serverUrl(neuron: TestNeuron): Promise<string> {
  const args = await Bun.file(`/proc/${pidOf(neuron, 'tiny')}/cmdline`).text();
  const [, port] = /--port\0(\d+)/.exec(args) ?? [];
  return `http://127.0.0.1:${port}`;
}

describe('a server that neuron starts for several models', () => {
  test('runs while a model is loaded on it', async () => {
    await using neuron = await start(SHARED);
    expect(pidOf(neuron, 'one')).toBeUndefined();

    await neuron.load({ harness: 'one' });
    await neuron.load({ model_id: 'alias', harness: 'one', upstream_model: 'tiny' });
    await neuron.post('/models/unload', { model_id: 'tiny' });

    const pid = pidOf(neuron, 'one') ?? 0;
    expect((await neuron.chat({ model: 'alias' })).status).toBe(200);
    await neuron.post('/models/unload', { model_id: 'alias' });
    expect(processStartTime(pid)).toBeUndefined();
  });

  test('is one process for two loads at the same time', async () => {
    await using neuron = await start(SHARED);

    await Promise.all([
      neuron.load({ harness: 'one' }),
      neuron.load({ model_id: 'alias', harness: 'one', upstream_model: 'tiny' }),
    ]);

    expect(
      readEngineRecords(join(neuron.root, 'state')).filter(({ model_id: id }) => id === 'one'),
    ).toHaveLength(1);
  });

  test('recovers with all its models', async () => {
    await using neuron = await start(SHARED);
    await neuron.load({ harness: 'one' });
    await neuron.load({ model_id: 'alias', harness: 'one', upstream_model: 'tiny' });

    const pid = kill(neuron, 'one', 'SIGKILL');

    await until(() => (pidOf(neuron, 'one') ?? pid) !== pid);
    await until(async () => (await neuron.model('alias')).status === 'loaded');
    expect((await neuron.chat()).status).toBe(200);
  });
});

test('a server and its workers that an earlier daemon left running are ended at the start', async () => {
  const folder = join(createTestFolder().root, 'engines');
  const leader = Bun.spawn(['/bin/sh', '-c', 'sleep 60 & echo $!; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const { value } = await leader.stdout.getReader().read();
  const worker = Number(new TextDecoder().decode(value));
  const record = {
    pid: leader.pid,
    start_time: processStartTime(leader.pid),
    model_id: 'm',
  };
  await Bun.write(join(folder, `${leader.pid}.json`), JSON.stringify(record));

  endLeftoverProcesses(folder, createLogger({ name: 'test', level: 'fatal' }));

  await until(() => processStartTime(worker) === undefined);
  await until(() => processStartTime(leader.pid) === undefined);
});

test('a key file that cannot be read stops the start with the harness and the file', async () => {
  const path = join(createTestFolder().root, 'empty');
  writeFileSync(path, '');
  const harness = { name: 'x', kind: 'openai', endpoint: 'http://127.0.0.1:1', api_key_file: path };

  const failure = await failureOf(TestNeuron.start({ flags: { harnesses: [harness] } }));

  expect(failure.message).toContain(`harnesses[0].api_key_file is the empty file ${path}`);
});

describe('POST /harnesses/{name}/restart', () => {
  test('waits for the running requests, refuses new ones, and keeps the models', async () => {
    await using neuron = await start(SHARED);
    await neuron.load({ harness: 'one' });
    const pid = pidOf(neuron, 'one');
    const running = await readUntil(await neuron.chat({ stream: true, max_tokens: 300 }), 'w2 ');

    const restart = neuron.post('/harnesses/one/restart', {});
    await until(async () => (await neuron.model()).status === 'recovering');
    const refused = await neuron.chat();
    const { seen } = await readUntil(running.reader, '[DONE]');

    expect(refused.status).toBe(503);
    expect(refused.headers.get('x-neuron-refused')).toBe('1');
    expect(seen).toContain('"finish_reason":"length"');
    expect(await (await restart).json()).toEqual({ status: 'restarted', lifecycle_cycles: 0 });
    expect(pidOf(neuron, 'one')).not.toBe(pid);
    expect((await neuron.chat()).status).toBe(200);
  });

  test.each([
    ['llama', 422, 'The harness llama cannot be restarted'],
    ['absent', 400, 'This node has no harness absent: llama, one'],
  ])('is refused for the harness %s', async (name, status, why) => {
    await using neuron = await start(SHARED);

    const answer = await neuron.post(`/harnesses/${name}/restart`, {});

    expect(answer.status).toBe(status);
    expect((await answer.json()).error.message).toContain(why);
  });
});
