import type { EngineDevice } from '@cortex/engine';
import { createLogger } from '@cortex/service';
import { describe, expect, test } from 'bun:test';

import { DeviceMonitor, type DeviceMonitorOptions } from './device-monitor.ts';
import type { GpuSources } from './gpu-survey.ts';
import type { CommandResult } from './run-command.ts';

const TWO_CARDS = [
  '0, GPU-a, 24564, 20000, 4564, 7, 41, 28.53, 550.90.07, 8.9, NVIDIA GeForce RTX 4090',
  '1, GPU-b, 12288, 288, 12000, 0, 35, 14.10, 550.90.07, 8.6, NVIDIA GeForce RTX 3060',
].join('\n');

const answer = (stdout: string, code = 0): CommandResult => ({ code, stdout, stderr: '' });

const sources = (
  runNvidiaSmi: GpuSources['runNvidiaSmi'],
  vendors: readonly ('nvidia' | 'amd')[] = [],
): GpuSources => ({
  runNvidiaSmi,
  readKernelModule: async () => '',
  listPciVendors: async () => vendors,
});

const cuda: EngineDevice = { name: 'GPU', backend: 'cuda' };

async function monitor(overrides: Partial<DeviceMonitorOptions> = {}): Promise<DeviceMonitor> {
  const created = new DeviceMonitor({
    sources: sources(async () => answer(TWO_CARDS)),
    probe: async () => [cuda],
    exclude: [],
    reserveMib: 512,
    storagePaths: ['/'],
    every: () => () => undefined,
    log: createLogger({ name: 'test', level: 'fatal' }),
    ...overrides,
  });
  await created.ready;
  return created;
}

const place = (
  devices: DeviceMonitor,
  request: Partial<Parameters<DeviceMonitor['place']>[0]> = {},
) => devices.place({ gpuLayers: 'auto', ...request });

describe('what can be used', () => {
  test('lists the GPUs that the driver shows and the engine can open', async () => {
    const devices = await monitor();

    expect(devices.gpus.map(({ name }) => name)).toEqual([
      'NVIDIA GeForce RTX 4090',
      'NVIDIA GeForce RTX 3060',
    ]);
    expect(devices.unavailableReason).toBeUndefined();
  });

  test('lists no GPU that the engine cannot open, and says which library it misses', async () => {
    const devices = await monitor({
      probe: () => Promise.reject(new Error('libcublas.so.12: cannot open shared object file')),
    });

    expect(devices.gpus).toEqual([]);
    expect(devices.unavailableReason).toContain('libcublas.so.12');
  });

  test('says that a GPU on the bus has no driver', async () => {
    const devices = await monitor({ sources: sources(async () => undefined, ['nvidia']) });

    expect(devices.unavailableReason).toContain('nvidia-smi');
  });

  test('has nothing to say on a machine without a GPU', async () => {
    const devices = await monitor({ sources: sources(async () => undefined) });

    expect(devices.unavailableReason).toBeUndefined();
    expect(place(devices)).toEqual({ backend: 'cpu', deviceIndexes: [], visibleDevices: '' });
  });

  test('says that the driver hangs', async () => {
    const hung: CommandResult = { code: undefined, stdout: '', stderr: '' };
    const devices = await monitor({ sources: sources(async () => hung) });

    expect(devices.unavailableReason).toContain('does not answer');
  });

  test('asks an old driver without the field it does not know', async () => {
    const devices = await monitor({
      sources: sources(async (args) =>
        args.some((argument) => argument.includes('compute_cap'))
          ? answer('Field "compute_cap" is not a valid field to query.', 2)
          : answer('0, GPU-a, 8192, 1, 8191, 0, 40, 20, 470.57.02, Quadro P4000'),
      ),
    });

    expect(devices.gpus).toMatchObject([{ name: 'Quadro P4000', totalMib: 8192 }]);
  });

  test.each([[[1]], [['GPU-b']]])('leaves alone what is excluded by %p', async (exclude) => {
    const devices = await monitor({ exclude });

    expect(devices.gpus.map(({ index }) => index)).toEqual([0]);
  });

  test('a GPU that shares the memory of the host has the memory of the host', async () => {
    const devices = await monitor({
      sources: sources(async () =>
        answer('0, GPU-1, [N/A], [N/A], [N/A], 3, 44, 12, 580.95.05, 12.1, NVIDIA GB10'),
      ),
    });

    const [gpu] = devices.gpus;
    expect(gpu && devices.totalMibOf(gpu)).toBe(devices.host.ramTotalMib);
  });
});

describe('place', () => {
  test('takes the GPU with most free memory', async () => {
    expect(place(await monitor())).toEqual({
      backend: 'cuda',
      deviceIndexes: [1],
      visibleDevices: 'GPU-b',
    });
  });

  test('takes the devices that are named', async () => {
    expect(place(await monitor(), { devices: [0, 1] })).toMatchObject({
      deviceIndexes: [0, 1],
      visibleDevices: 'GPU-a,GPU-b',
    });
  });

  test('refuses a device that is not here', async () => {
    const devices = await monitor();

    expect(() => place(devices, { devices: [7] })).toThrow('no device 7; it has: 0, 1');
  });

  test('never takes the CPU when a GPU was asked for', async () => {
    const devices = await monitor({ sources: sources(async () => undefined, ['nvidia']) });

    expect(() => place(devices, { gpuLayers: 'all' })).toThrow('nvidia-smi');
  });
});
