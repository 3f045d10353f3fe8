import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import { inProcessEngine } from '@cortex/engine';
import { createScriptedEngine } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import type { GpuSources } from '../src/devices/gpu-sources.ts';
import type { StartEngine } from '../src/engines/start-engine.ts';
import { scriptedEngine, TestNeuron, until } from './test-neuron.ts';

const MODEL_MIB = 5000;

/** Two cards of 8,192 MiB, and engines that each take 5,000 MiB of the card that they see. */
function twoCards() {
  const usedMib = { 'GPU-a': 0, 'GPU-b': 0 };
  const card = (index: number, uuid: keyof typeof usedMib): string =>
    `${index}, ${uuid}, 8192, ${usedMib[uuid]}, ${8192 - usedMib[uuid]}, 0, 40, 20, 550.90.07, 8.9, Card`;
  const gpuSources: GpuSources = {
    runNvidiaSmi: async () => ({
      code: 0,
      stdout: `${card(0, 'GPU-a')}\n${card(1, 'GPU-b')}\n`,
      stderr: '',
    }),
    readKernelModule: async () => '',
    listPciVendors: async () => ['nvidia'],
  };
  const startEngine: StartEngine = (options) => {
    if (options.env?.['CUDA_VISIBLE_DEVICES'] === 'GPU-a') usedMib['GPU-a'] += MODEL_MIB;
    if (options.env?.['CUDA_VISIBLE_DEVICES'] === 'GPU-b') usedMib['GPU-b'] += MODEL_MIB;
    return scriptedEngine()(options);
  };
  const startProbe: StartEngine = async () => {
    const engine = createScriptedEngine();
    const estimate = engine.estimate.bind(engine);
    engine.devices = async () => [{ name: 'Card', backend: 'cuda' }];
    engine.estimate = async (spec, budget) => ({
      ...(await estimate(spec, budget)),
      vramMib: MODEL_MIB,
      fits: MODEL_MIB <= (budget.vramMib ?? Infinity),
    });
    const connection = await inProcessEngine(engine);
    return { connection, kill: () => void connection.close(0) };
  };
  return { gpuSources, startEngine, startProbe };
}

const prepare = (dir: string): void =>
  copyFileSync(join(dir, 'tiny.gguf'), join(dir, 'other.gguf'));

async function devicesOf(neuron: TestNeuron): Promise<number[]> {
  const models = await Promise.all(['tiny', 'other'].map((id) => neuron.model(id)));
  return models.flatMap(({ devices }) => devices).sort((a, b) => a - b);
}

describe('two models that each fit one of two equal GPUs', () => {
  test('are placed on both when they are default models, loaded one after the other', async () => {
    await using neuron = await TestNeuron.start({
      flags: { default_models: [{ model_id: 'tiny' }, { model_id: 'other' }] },
      parts: twoCards(),
      prepare,
    });

    await until(async () => (await neuron.health()).ready);

    expect(await devicesOf(neuron)).toEqual([0, 1]);
  });

  test('are placed on both when they are loaded at the same time', async () => {
    await using neuron = await TestNeuron.start({ parts: twoCards(), prepare });

    const answers = await Promise.all(
      ['tiny', 'other'].map((id) => neuron.post('/models/load?wait=true', { model_id: id })),
    );

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await devicesOf(neuron)).toEqual([0, 1]);
  });

  test('leave no memory for a third, whose error names the device and the missing memory', async () => {
    await using neuron = await TestNeuron.start({
      parts: twoCards(),
      prepare: (dir) => {
        prepare(dir);
        copyFileSync(join(dir, 'tiny.gguf'), join(dir, 'third.gguf'));
      },
    });
    for (const id of ['tiny', 'other']) {
      await neuron.post('/models/load?wait=true', { model_id: id });
    }

    const answer = await neuron.post('/models/load?wait=true', { model_id: 'third' });

    // Each has 8,192 MiB less 512 of reserve and 5,000 of the model that is there. Split over both, the third may take
    // that from each for half of it and 6 % of unevenness.
    expect([answer.status, (await answer.json()).error]).toMatchObject([
      503,
      { code: 'insufficient_vram', missing_mb: Math.ceil(5000 - 2680 / 0.56) },
    ]);
  });
});
