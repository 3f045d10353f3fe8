import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'bun:test';

import { readUntil, TestNeuron } from './test-neuron.ts';

test('a model whose file is deleted while it is loaded goes on serving, and a later load names the missing file', async () => {
  await using neuron = await TestNeuron.start();
  await neuron.load();
  const { reader } = await readUntil(
    await neuron.chat({ stream: true, ignore_eos: true, max_tokens: 200 }),
    '"content":"',
  );

  rmSync(join(neuron.modelsDir, 'tiny.gguf'));
  await neuron.post('/models/rescan', {});

  await readUntil(reader, '"finish_reason":"length"');
  expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
  expect(await neuron.model()).toMatchObject({ status: 'loaded', servable: { ok: true } });
  expect((await neuron.post('/models/unload', { model_id: 'tiny' })).status).toBe(200);
  const again = await neuron.post('/models/load?wait=true', { model_id: 'tiny' });
  expect([again.status, (await again.json()).error.message]).toEqual([
    422,
    expect.stringContaining(join(neuron.modelsDir, 'tiny.gguf')),
  ]);
}, 30_000);
