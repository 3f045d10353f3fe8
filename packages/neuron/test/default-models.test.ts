import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createGate } from '@cortex/testkit';
import { expect, test } from 'bun:test';

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
