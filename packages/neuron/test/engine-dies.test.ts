import { chmodSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger } from '@cortex/service';
import { SCRIPTED_WORKER_PATH } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import { endLeftoverProcesses } from '../src/processes/process-records.ts';
import { processStartTime } from '../src/processes/process-start-time.ts';
import {
  createTestFolder,
  readEngineRecords,
  readUntil,
  TestNeuron,
  until,
} from './test-neuron.ts';

/** Pid of the engine that holds a model, from what the daemon wrote down. */
const enginePid = ({ root }: TestNeuron, modelId = 'tiny'): number | undefined =>
  readEngineRecords(join(root, 'state')).find(({ model_id: id }) => id === modelId)?.pid;

function killEngine(neuron: TestNeuron, signal: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL'): void {
  const pid = enginePid(neuron);
  if (pid === undefined) throw new Error('no engine runs');
  process.kill(pid, signal);
}

/** A runtime that serves the scripted engine whatever it is told to run. */
function scriptedRuntime(): string {
  const path = join(createTestFolder().root, 'runtime');
  writeFileSync(path, `#!/bin/sh\nexec "${process.execPath}" "${SCRIPTED_WORKER_PATH}"\n`);
  chmodSync(path, 0o755);
  return path;
}

const LONG = { ignore_eos: true, max_tokens: 4000 };

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
  }
  return text;
}

describe('an engine that is killed', () => {
  test('ends its streams with an error event and a complete stream, and restarts', async () => {
    await using neuron = await TestNeuron.start({ parts: { respawnPauseMs: () => 300 } });
    await neuron.load();
    const { generation } = await neuron.model();
    const { reader } = await readUntil(await neuron.chat({ stream: true, ...LONG }), '"content":"');

    killEngine(neuron);

    const text = await readAll(reader);
    expect(text).toContain('"code":"node_recovering"');
    expect(text).toContain('"retry_after_s":');
    expect(text).toContain('"estimated":true');
    expect(text).toEndWith('data: [DONE]\n\n');
    await until(async () => (await neuron.model()).status === 'loaded');
    expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
    expect(await neuron.seatsTaken()).toBe(0);
    expect((await neuron.model()).generation).toBe(generation + 1);
  }, 30_000);

  test('ends a request that is not streamed with 503 without x-neuron-refused, because work was done', async () => {
    await using neuron = await TestNeuron.start({ parts: { respawnPauseMs: () => 300 } });
    await neuron.load();
    const answer = neuron.chat(LONG);
    await until(async () => (await neuron.seatsTaken()) === 1);

    killEngine(neuron);

    const { status, headers } = await answer;
    expect(status).toBe(503);
    expect(headers.get('retry-after')).toMatch(/^\d+$/);
    expect(headers.has('x-neuron-refused')).toBe(false);
  }, 30_000);

  test('is recovering during its restart: its memory stays reserved, and requests are refused with the expected wait', async () => {
    await using neuron = await TestNeuron.start({ parts: { respawnPauseMs: () => 60_000 } });
    await neuron.load();

    killEngine(neuron);
    await until(async () => (await neuron.model()).status === 'recovering');

    const [refused, health] = await Promise.all([neuron.chat(), neuron.get('/health')]);
    expect(refused.status).toBe(503);
    expect((await refused.json()).error.code).toBe('node_recovering');
    expect(refused.headers.get('x-neuron-refused')).toBe('1');
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(health.status).toBe(200);
    expect(await neuron.model()).toMatchObject({ servable: { ok: false } });
  }, 30_000);

  test('does not affect other models', async () => {
    await using neuron = await TestNeuron.start({
      prepare: (dir) => cpSync(join(dir, 'tiny.gguf'), join(dir, 'other.gguf')),
    });
    await neuron.load();
    await neuron.load({ model_id: 'other' });
    const { reader } = await readUntil(
      await neuron.chat({ model: 'other', stream: true, ignore_eos: true, max_tokens: 400 }),
      '"content":"',
    );

    killEngine(neuron);

    const text = await readAll(reader);
    expect(text).toContain('"finish_reason":"length"');
    expect(text).not.toContain('data: {"error"');
  }, 30_000);

  test('has failed after four deaths, with the reason, until the operator loads it again', async () => {
    await using neuron = await TestNeuron.start({ parts: { respawnPauseMs: () => 0 } });
    await neuron.load();
    let last: number | undefined;
    for (let death = 1; death <= 4; death += 1) {
      await until(
        async () => enginePid(neuron) !== last && (await neuron.model()).status === 'loaded',
        20_000,
      );
      last = enginePid(neuron);
      killEngine(neuron);
    }

    await until(async () => (await neuron.model()).status === 'failed');

    expect((await neuron.model()).reason).toContain('died 4 times in 10 minutes');
    await neuron.load({ detached: true });
  }, 60_000);
});

test('an engine that completes no step although it has work is killed and restarted', async () => {
  await using neuron = await TestNeuron.start({
    // Its steps are short on the slowest machine: a wedge is measured by twenty times the longest.
    flags: { 'engine.wedge_s': 1, 'engine.runtime': scriptedRuntime() },
    parts: { respawnPauseMs: () => 0 },
  });
  await neuron.load();
  const { reader } = await readUntil(await neuron.chat({ stream: true, ...LONG }), '"content":" ');

  killEngine(neuron, 'SIGSTOP');

  expect(await readAll(reader)).toContain('"code":"node_recovering"');
  await until(async () => (await neuron.model()).status === 'loaded');
}, 30_000);

function recorded(startTime: (actual: string) => string) {
  const child = Bun.spawn(['sleep', '60'], { detached: true });
  const folder = join(createTestFolder().root, 'engines');
  mkdirSync(folder);
  const record = {
    pid: child.pid,
    start_time: startTime(processStartTime(child.pid) ?? ''),
    model_id: 'm',
  };
  writeFileSync(join(folder, `${child.pid}.json`), JSON.stringify(record));
  return { child, folder };
}

describe('engines that an earlier daemon left running', () => {
  const log = createLogger({ name: 'test', level: 'fatal' });

  test('are ended at the start, and their records deleted', async () => {
    const { child, folder } = recorded((actual) => actual);

    endLeftoverProcesses(folder, log);

    await child.exited;
    expect(child.signalCode).toBe('SIGKILL');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('are not ended if their pid belongs to another process', () => {
    const { child, folder } = recorded((actual) => `${actual}1`);

    endLeftoverProcesses(folder, log);

    expect(child.exitCode).toBeNull();
    expect(child.signalCode).toBeNull();
    child.kill();
  });
});
