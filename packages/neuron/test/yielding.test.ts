/** Behaviour 36a: another program that wants the GPU gets it. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import { createGate } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import { createHurriedTicker } from './hurried-ticker.ts';
import { SimulatedGpus } from './simulated-gpus.ts';
import { readUntil, TestNeuron, until } from './test-neuron.ts';

const LIMIT_MS = 20_000;

/** A node with two cards of 24 GiB; `small` and `large` are on the first, `tiny` on the second. */
async function start() {
  const gpus = new SimulatedGpus(
    [24_576, 24_576],
    { small: { needMib: 2000 }, large: { needMib: 16_000 }, tiny: { needMib: 4000 } },
    { answer: () => ({ items: [{ text: 'a' }, { text: 'b' }], gates: { 1: createGate() } }) },
  );
  const { gpuSources, startEngine, startProbe } = gpus;
  const neuron = await TestNeuron.start({
    flags: { 'devices.yield_at': 0.9 },
    parts: { gpuSources, startEngine, startProbe, ticker: createHurriedTicker() },
    prepare: (dir) => {
      copyFileSync(join(dir, 'tiny.gguf'), join(dir, 'small.gguf'));
      copyFileSync(join(dir, 'tiny.gguf'), join(dir, 'large.gguf'));
    },
  });
  await neuron.load({ model_id: 'small', devices: [0] });
  await neuron.load({ model_id: 'large', devices: [0] });
  await neuron.load({ model_id: 'tiny', devices: [1] });
  return { gpus, neuron };
}

const statesOf = async (neuron: TestNeuron): Promise<string[]> =>
  (await Promise.all(['small', 'large', 'tiny'].map((id) => neuron.model(id)))).map(
    ({ status }) => status,
  );

describe('a GPU that another program fills beyond yield_at', () => {
  test(
    'loses as many idle models as the program needs, and the other GPU none',
    async () => {
      const { gpus, neuron } = await start();
      await using _neuron = neuron;

      // 18,000 of models and 6,000 are more than 90 % of 24,576, by 1,882.
      gpus.setForeign(0, 6000);
      await until(async () => (await neuron.model('small')).status === 'unloaded', LIMIT_MS);

      const { devices } = await neuron.health();
      expect(devices.map(({ yielding }) => yielding)).toEqual([true, undefined, undefined]);
      expect(await statesOf(neuron)).toEqual(['unloaded', 'loaded', 'loaded']);
    },
    LIMIT_MS,
  );

  test(
    'gets no new model, and the refusal names the device and the missing memory',
    async () => {
      const { gpus, neuron } = await start();
      await using _neuron = neuron;
      gpus.setForeign(0, 6000);
      await until(async () => (await neuron.model('small')).status === 'unloaded', LIMIT_MS);

      const answer = await neuron.post('/models/load?wait=true', {
        model_id: 'small',
        devices: [0],
        gpu_layers: 'all',
      });

      expect([answer.status, (await answer.json()).error]).toMatchObject([
        503,
        { code: 'insufficient_vram', device: 0 },
      ]);
    },
    LIMIT_MS,
  );

  test(
    'keeps a model that is pinned or busy, which leaves when it is idle',
    async () => {
      const { gpus, neuron } = await start();
      await using _neuron = neuron;
      await neuron.load({ model_id: 'small', pinned: true });
      const { reader } = await readUntil(
        await neuron.post('/v1/chat/completions', {
          model: 'large',
          stream: true,
          messages: [{ role: 'user', content: 'go on for ever' }],
        }),
        '"a"',
      );

      gpus.setForeign(0, 12_000);
      await until(async () => (await neuron.health()).devices[0]?.yielding === true, LIMIT_MS);
      const meanwhile = await statesOf(neuron);
      await reader.cancel();
      await until(async () => (await neuron.model('large')).status === 'unloaded', LIMIT_MS);

      expect(meanwhile).toEqual(['loaded', 'loaded', 'loaded']);
      expect((await neuron.model('small')).status).toBe('loaded');
    },
    2 * LIMIT_MS,
  );
});
