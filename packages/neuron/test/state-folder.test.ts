import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'bun:test';

import { readEngineRecords, TestNeuron, until } from './test-neuron.ts';

/** What happens to the folder while the daemon runs. */
const ACCIDENTS = {
  'was removed': (folder: string) => rmSync(folder, { recursive: true }),
  'cannot be written': (folder: string) => {
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
  },
};

/** Loads and unloads with all that is written below `state_dir`: facts of files, engine records, saved slots. */
const FLAGS = { 'engine.state_disk_mb': 64 };

describe.each(Object.entries(ACCIDENTS))('a state folder that %s', (_name, happen) => {
  test('does not prevent a model from being loaded, serving and being unloaded', async () => {
    await using neuron = await TestNeuron.start({ flags: FLAGS });
    happen(join(neuron.root, 'state'));

    await neuron.load();
    const answer = await neuron.chat({ max_tokens: 2 });
    const unload = await neuron.post('/models/unload', { model_id: 'tiny' });

    expect([answer.status, unload.status]).toEqual([200, 200]);
    expect((await neuron.model()).status).toBe('unloaded');
    expect(await neuron.model()).not.toHaveProperty('reason');
  }, 30_000);
});

test('an engine that dies after the state folder was removed restarts once', async () => {
  await using neuron = await TestNeuron.start({ parts: { respawnPauseMs: () => 100 } });
  await neuron.load();
  const state = join(neuron.root, 'state');
  const pid = readEngineRecords(state).find(({ model_id: id }) => id === 'tiny')?.pid;
  const { generation } = await neuron.model();
  ACCIDENTS['cannot be written'](state);

  process.kill(pid ?? 0, 'SIGKILL');

  await until(async () => (await neuron.model()).generation === generation + 1, 20_000);
  expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
}, 30_000);
