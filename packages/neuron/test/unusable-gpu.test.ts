/** Behaviour 26a: a GPU that no engine can open is reported with its remedy, and never replaced by the CPU. */
import { describe, expect, test } from 'bun:test';

import type { StartEngine } from '../src/engines/start-engine.ts';
import { createHurriedTicker } from './hurried-ticker.ts';
import { SimulatedGpus } from './simulated-gpus.ts';
import { TestNeuron, until } from './test-neuron.ts';

const NO_LIBRARY =
  'the cuda device cannot be used: this machine has no libcudart.so.13, no libcublas.so.13; it needs the CUDA runtime libraries';

/** A node whose engine lacks a library until it is installed. */
async function start() {
  const gpus = new SimulatedGpus([8192], { tiny: { needMib: 2000 } });
  const state = { isInstalled: false };
  const startProbe: StartEngine = (options) => {
    const isForCpu = options.env?.['CUDA_VISIBLE_DEVICES'] === '';
    if (!state.isInstalled && !isForCpu) throw new Error(NO_LIBRARY);
    return gpus.startProbe(options);
  };
  const neuron = await TestNeuron.start({
    parts: {
      gpuSources: { ...gpus.gpuSources, readOsRelease: async () => 'ID=debian\n' },
      startEngine: gpus.startEngine,
      startProbe,
      ticker: createHurriedTicker(),
    },
  });
  return { neuron, state };
}

const reasonOf = async (neuron: TestNeuron): Promise<string> =>
  (await (await neuron.get('/discovery')).json()).gpu_unavailable_reason;

describe('a GPU that the engine cannot open', () => {
  test('is reported with the missing libraries and the command that installs them', async () => {
    const { neuron } = await start();
    await using _neuron = neuron;
    await until(async () => (await reasonOf(neuron)) !== undefined);

    const reason = await reasonOf(neuron);

    expect(reason).toContain('no libcudart.so.13, no libcublas.so.13');
    expect(reason).toContain('Run "sudo apt install libcudart12 libcublas12"');
  });

  test('is not listed as a device', async () => {
    const { neuron } = await start();
    await using _neuron = neuron;
    await until(async () => (await reasonOf(neuron)) !== undefined);

    const { devices } = await (await neuron.get('/discovery')).json();

    expect(devices).toMatchObject([{ kind: 'cpu' }]);
  });

  test('fails a load with the missing library, and the load succeeds on the GPU once it is installed', async () => {
    const { neuron, state } = await start();
    await using _neuron = neuron;

    const refused = await neuron.post('/models/load?wait=true', { model_id: 'tiny' });
    state.isInstalled = true;
    await until(async () => (await neuron.health()).devices[0]?.kind === 'cuda', 20_000);
    await neuron.load();

    expect([refused.status, (await refused.json()).error.message]).toEqual([
      503,
      expect.stringContaining('libcudart.so.13'),
    ]);
    expect(await neuron.model()).toMatchObject({ status: 'loaded', devices: [0], backend: 'cuda' });
  }, 30_000);

  test('leaves the CPU to a load that asks for it', async () => {
    const { neuron } = await start();
    await using _neuron = neuron;

    await neuron.load({ gpu_layers: 0 });

    expect(await neuron.model()).toMatchObject({ status: 'loaded', devices: [], backend: 'cpu' });
  });
});
