/** Behaviour 30, and models that one GPU does not hold. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'bun:test';

import { SimulatedGpus, type SimulatedModel } from './simulated-gpus.ts';
import { TestNeuron } from './test-neuron.ts';

/** A node with these cards, and a model `tiny` of that size. */
const start = async (
  totalsMib: readonly number[],
  tiny: SimulatedModel,
  models: Readonly<Record<string, SimulatedModel>> = {},
) => {
  const gpus = new SimulatedGpus(totalsMib, { tiny, ...models });
  const { gpuSources, startEngine, startProbe } = gpus;
  const neuron = await TestNeuron.start({
    parts: { gpuSources, startEngine, startProbe },
    prepare: (dir) => {
      for (const id of Object.keys(models)) {
        copyFileSync(join(dir, 'tiny.gguf'), join(dir, `${id}.gguf`));
      }
    },
  });
  return { gpus, neuron };
};

describe('a model on a node with several GPUs', () => {
  test('is on one GPU if one is enough', async () => {
    const { gpus, neuron } = await start([8192, 16_384], { needMib: 9000 });
    await using _neuron = neuron;

    await neuron.load();

    expect(await neuron.model()).toMatchObject({ devices: [1], gpu_layers: expect.any(String) });
    expect(gpus.loads).toEqual([{ modelId: 'tiny', uuids: ['GPU-1'] }]);
  });

  test('is split over two GPUs if neither holds it whole', async () => {
    const { gpus, neuron } = await start([12_288, 12_288], { needMib: 18_000 });
    await using _neuron = neuron;

    await neuron.load();

    expect((await neuron.model()).devices).toEqual([0, 1]);
    expect(gpus.loads).toEqual([{ modelId: 'tiny', uuids: ['GPU-0', 'GPU-1'] }]);
  });

  test('uses the two with the most room of three, by their free memory', async () => {
    const { gpus, neuron } = await start([12_288, 12_288, 12_288], { needMib: 16_000 });
    await using _neuron = neuron;
    gpus.setForeign(1, 9000);

    await neuron.load();

    expect((await neuron.model()).devices.toSorted((a, b) => a - b)).toEqual([0, 2]);
  });

  test('is split over two cards of different size in proportion to their free memory', async () => {
    const { neuron } = await start([8192, 24_576], { needMib: 27_000 });
    await using _neuron = neuron;

    await neuron.load();

    expect((await neuron.model()).devices.toSorted((a, b) => a - b)).toEqual([0, 1]);
  });

  test('is split over min_devices GPUs although one is enough', async () => {
    const { neuron } = await start([24_576, 24_576], { needMib: 4000 });
    await using _neuron = neuron;

    await neuron.load({ min_devices: 2 });

    expect((await neuron.model()).devices.toSorted((a, b) => a - b)).toEqual([0, 1]);
  });

  test('is refused if min_devices is more than the node has', async () => {
    const { neuron } = await start([24_576, 24_576], { needMib: 4000 });
    await using _neuron = neuron;

    const answer = await neuron.post('/models/load?wait=true', {
      model_id: 'tiny',
      min_devices: 3,
    });

    expect([answer.status, (await answer.json()).error]).toMatchObject([
      400,
      { param: 'min_devices', message: expect.stringContaining('more than the 2 GPUs') },
    ]);
  });

  test('leaves only layers in RAM that do not fit on all GPUs together', async () => {
    const { gpus, neuron } = await start([8192, 8192], { needMib: 40_000 });
    await using _neuron = neuron;

    await neuron.load();

    const [load] = gpus.loads;
    expect(load?.uuids).toEqual(['GPU-0', 'GPU-1']);
    expect((await neuron.model())['warnings']).toEqual([expect.stringContaining('of 10 layers')]);
  });

  test('is refused by name with tensor_parallel on the llama engine', async () => {
    const { neuron } = await start([12_288, 12_288], { needMib: 4000 });
    await using _neuron = neuron;

    const answer = await neuron.post('/models/load?wait=true', {
      model_id: 'tiny',
      tensor_parallel: 2,
    });

    expect([answer.status, (await answer.json()).error]).toMatchObject([
      400,
      { code: 'unsupported_parameter', param: 'tensor_parallel' },
    ]);
  });

  test('is estimated for the GPUs that its load would use', async () => {
    const { neuron } = await start([12_288, 12_288], { needMib: 18_000 });
    await using _neuron = neuron;

    const answer = await neuron.post('/models/tiny/estimate', {});

    expect(await answer.json()).toMatchObject({ vram_mb: 18_000, devices: [0, 1], fits: true });
  });

  test('leaves its memory to the next model on each of its GPUs when it is unloaded', async () => {
    const { neuron } = await start(
      [12_288, 12_288],
      { needMib: 18_000 },
      { other: { needMib: 11_000 } },
    );
    await using _neuron = neuron;
    await neuron.load();
    const refused = await neuron.post('/models/load?wait=true', {
      model_id: 'other',
      gpu_layers: 'all',
    });

    await neuron.post('/models/unload', { model_id: 'tiny' });
    await neuron.load({ model_id: 'other' });

    expect([refused.status, (await neuron.model('other')).devices.length]).toEqual([503, 1]);
  });
});

describe('a load that runs out of memory although its estimate fits', () => {
  test('is planned once more with a larger need, here over two GPUs', async () => {
    const { gpus, neuron } = await start([8192, 8192], { needMib: 8000, estimateMib: 7000 });
    await using _neuron = neuron;
    gpus.setForeign(0, 300);
    gpus.setForeign(1, 650);

    await neuron.load();

    expect(gpus.loads.map(({ uuids }) => uuids)).toEqual([['GPU-0'], ['GPU-0', 'GPU-1']]);
  });

  test('records the larger need, so that a second attempt is refused with the missing memory', async () => {
    const { gpus, neuron } = await start([8192], { needMib: 7900, estimateMib: 7000 });
    await using _neuron = neuron;
    gpus.setForeign(0, 400);

    const answer = await neuron.post('/models/load?wait=true', {
      model_id: 'tiny',
      gpu_layers: 'all',
    });

    // 7,000 and a tenth of it, in 8,192 less 512 of reserve and 400 of other programs.
    expect([answer.status, (await answer.json()).error]).toMatchObject([
      503,
      { code: 'insufficient_vram', device: 0, missing_mb: 420 },
    ]);
    expect(gpus.loads).toHaveLength(1);
  });

  test('loads at the second attempt with fewer layers on the GPU', async () => {
    const { gpus, neuron } = await start([8192], { needMib: 7900, estimateMib: 7000 });
    await using _neuron = neuron;
    gpus.setForeign(0, 400);

    await neuron.load();

    expect(gpus.loads).toHaveLength(2);
    expect((await neuron.model())['warnings']).toEqual([expect.stringContaining('of 10 layers')]);
  });

  test('is remembered for the next load of the file, also by the next daemon', async () => {
    const gpus = new SimulatedGpus([8192], { tiny: { needMib: 7900, estimateMib: 7000 } });
    const { gpuSources, startEngine, startProbe } = gpus;
    const parts = { gpuSources, startEngine, startProbe };
    const first = await TestNeuron.start({ parts });
    gpus.setForeign(0, 400);
    await first.load();
    const { root, modelsDir } = first;
    await first.close();

    await using second = await TestNeuron.start({ parts, folder: { root, modelsDir } });
    const estimate = await (
      await second.post('/models/tiny/estimate', { gpu_layers: 'all' })
    ).json();
    await second.load();

    // 7,000, a tenth of it, and what the load with nine layers took beyond its plan.
    expect(estimate).toMatchObject({ vram_mb: 7810, fits: false });
    expect(gpus.loads).toHaveLength(3);
  });
});
