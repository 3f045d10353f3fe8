import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createGate } from '@cortex/testkit';
import { startHubServer } from '@cortex/testkit/hub/hub-server';
import { expect, test } from 'bun:test';

import { noPauses, REPO, TINY } from './pull-fixture.ts';
import { scriptedEngine, TestNeuron, until } from './test-neuron.ts';

test('the API answers while default models load, and lists them', async () => {
  const loadGate = createGate();
  await using neuron = await TestNeuron.start({
    flags: { default_models: [{ model_id: 'tiny' }, { model_id: 'absent' }] },
    parts: { startEngine: scriptedEngine({ loadGate }) },
  });

  const before = await neuron.health();
  loadGate.open();

  expect(before).toMatchObject({
    ready: false,
    activation: { state: 'pre_warming', in_progress: 'tiny', pending: ['absent'] },
  });
  await until(async () => (await neuron.health()).ready);
});

test('a default model that fails to load stops neither the others nor the daemon', async () => {
  await using neuron = await TestNeuron.start({
    flags: {
      default_models: [{ model_id: 'absent' }, { model_id: 'broken' }, { model_id: 'tiny' }],
    },
    prepare: (dir) => writeFileSync(join(dir, 'broken.gguf'), 'this is no GGUF at all'),
  });

  await until(async () => (await neuron.health()).ready, 20_000);

  const { activation } = await neuron.health();
  expect(activation.completed).toEqual(['tiny']);
  expect(activation.failed.map(({ model_id: id }) => id)).toEqual(['absent', 'broken']);
  expect(activation.failed[0]?.error).toContain('absent.gguf');
  expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
}, 30_000);

test('default models whose hub cannot be reached are tried again with longer and longer pauses, others not', async () => {
  const pausesMs: number[] = [];
  await using hub = await startHubServer({
    repositories: { [REPO]: { files: { 'tiny-Q8_0.gguf': TINY } } },
    fault: () => (pausesMs.length < 3 ? { kind: 'cut', bodyBytes: -10_000 } : undefined),
  });
  await using neuron = await TestNeuron.start({
    env: { HF_ENDPOINT: hub.url },
    flags: {
      min_free_disk_mb: 0,
      default_models: [{ model_id: 'absent' }, { model_id: 'remote', source: `hf:${REPO}` }],
    },
    parts: {
      startEngine: scriptedEngine(),
      pulls: noPauses().pulls,
      pause: async (ms) => void pausesMs.push(ms),
    },
  });

  await until(async () => (await neuron.health()).ready);

  const { activation } = await neuron.health();
  expect(pausesMs).toEqual([10_000, 30_000, 60_000]);
  expect(activation.completed).toEqual(['remote']);
  expect(activation.failed).toMatchObject([
    { model_id: 'absent', error: expect.stringContaining('absent.gguf') },
  ]);
});
