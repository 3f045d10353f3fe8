/** Behaviour 23: a load that is stuck ends. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'bun:test';

import { isAlive } from './daemon.ts';
import {
  createTestFolder,
  readEngineRecords,
  scriptedEngine,
  TestNeuron,
  until,
} from './test-neuron.ts';

/** A runtime whose engines never answer. */
function silentRuntime(): string {
  const path = join(createTestFolder().root, 'runtime');
  writeFileSync(path, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  return path;
}

test('a load that is stuck fails with its reason, and leaves neither a process nor reserved memory', async () => {
  await using neuron = await TestNeuron.start({
    flags: { 'engine.runtime': silentRuntime(), 'engine.startup_timeout_s': 1 },
    parts: { startProbe: scriptedEngine() },
  });
  const state = join(neuron.root, 'state');
  const usedMib = async (): Promise<number | undefined> =>
    (await neuron.health()).devices.at(-1)?.vram_used_mb;
  const load = neuron.post('/models/load?wait=true', { model_id: 'tiny' });
  // The folder of the records comes with the first of them.
  await until(() => existsSync(join(state, 'engines')) && readEngineRecords(state).length > 0);
  const [engine] = readEngineRecords(state);
  const duringMib = await usedMib();

  const answer = await load;

  const { message } = (await answer.json()).error;
  expect(answer.status).toBe(503);
  expect(message).toContain('engine.startup_timeout_s');
  expect(await neuron.model()).toMatchObject({ status: 'failed', reason: message });
  expect([duringMib, await usedMib()]).toEqual([1, 0]);
  expect(engine !== undefined && isAlive(engine.pid)).toBe(false);
  expect(readEngineRecords(state)).toEqual([]);
}, 30_000);
