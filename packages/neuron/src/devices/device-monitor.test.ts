import type { EngineDevice } from '@cortex/engine';
import { createLogger } from '@cortex/service';
import { describe, expect, test } from 'bun:test';

import { DeviceMonitor, type DeviceMonitorOptions } from './device-monitor.ts';
import { EngineCheck } from './engine-check.ts';
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

const log = createLogger({ name: 'test', level: 'fatal' });

const options: DeviceMonitorOptions = {
  sources: sources(async () => answer(TWO_CARDS)),
  probe: async () => [cuda],
  exclude: [],
  reserveMib: 512,
  storagePaths: ['/'],
  every: () => () => undefined,
  log,
};

async function monitor(overrides: Partial<DeviceMonitorOptions> = {}): Promise<DeviceMonitor> {
  const created = new DeviceMonitor({ ...options, ...overrides });
  await created.ready();
  return created;
}

const place = (
  devices: DeviceMonitor,
  request: Partial<Parameters<DeviceMonitor['place']>[0]> = {},
) => devices.place({ gpuLayers: 'auto', ...request }, ({ freeMib = 0 }) => freeMib);

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

  test('asks the engine again when it could not open the GPU, and lists the GPU once it can', async () => {
    let isInstalled = false;
    const probe = async () => {
      if (isInstalled) return [cuda];
      throw new Error('libcublas.so.12: cannot open shared object file');
    };
    let nowMs = 0;
    const check = new EngineCheck({ probe, log, nowMs: () => nowMs });
    await check.ask();
    expect(check.reason).toContain('libcublas.so.12');

    isInstalled = true;
    nowMs += 5000;
    await check.ask();

    expect([check.isUsable, check.reason]).toEqual([true, undefined]);
  });

  test('asks an engine that fails less and less often, every five minutes at most', async () => {
    let attempts = 0;
    let nowMs = 0;
    const check = new EngineCheck({
      probe: async () => {
        attempts += 1;
        throw new Error('no driver');
      },
      log,
      nowMs: () => nowMs,
    });
    for (const endMs = 3_600_000; nowMs < endMs; nowMs += 5000) {
      check.askIfDue();
      await new Promise((resolve) => setImmediate(resolve));
    }

    // 5, 10, … 300 s, and then every five minutes of the hour.
    expect(attempts).toBeGreaterThan(12);
    expect(attempts).toBeLessThan(24);
  });

  test('a check of the GPU that never ends holds up loads for its limit only', async () => {
    let isEnded = false;
    const probe = (signal: AbortSignal) => {
      signal.addEventListener('abort', () => (isEnded = true));
      return new Promise<never>(() => undefined);
    };
    const check = new EngineCheck({ probe, log, limitMs: 1 });

    await check.ask();

    expect(check.reason).toContain('did not answer');
    expect(isEnded).toBe(true);
  });

  test('a load for the CPU does not wait for a GPU that does not answer', async () => {
    const devices = new DeviceMonitor({
      ...options,
      probe: () => new Promise(() => undefined),
    });

    expect(devices.place({ gpuLayers: 0 }, () => 0).backend).toBe('cpu');
    expect(devices.place({ gpuLayers: 'auto', devices: [] }, () => 0).backend).toBe('cpu');
    devices.close();
  });

  test('keeps what the driver said last when it fails to answer once, and not for ever', async () => {
    let result = answer(TWO_CARDS);
    const devices = await monitor({ sources: sources(async () => result) });

    result = { code: undefined, stdout: '', stderr: '' };
    await devices.refresh();
    expect(devices.gpus).toHaveLength(2);
    await devices.refresh();
    await devices.refresh();
    expect(devices.gpus).toEqual([]);
    expect(() => place(devices)).toThrow('does not answer');

    result = answer(TWO_CARDS);
    await devices.refresh();
    expect(devices.gpus).toHaveLength(2);
  });

  test.each([
    ['1', [1]],
    ['GPU-b', [1]],
    ['1,0', [0, 1]],
    ['0,7,1', [0]],
    ['', []],
    ['-1', []],
  ])(
    'CUDA_VISIBLE_DEVICES=%s of the daemon leaves it the GPUs %p',
    async (visibleCuda, indexes) => {
      const devices = await monitor({
        sources: { ...sources(async () => answer(TWO_CARDS), ['nvidia']), visibleCuda },
      });

      expect(devices.gpus.map(({ index }) => index)).toEqual(indexes);
      expect(devices.unavailableReason).toBeUndefined();
    },
  );

  test('an AMD GPU that HIP_VISIBLE_DEVICES hides is not missed', async () => {
    const devices = await monitor({
      sources: { ...sources(async () => undefined, ['amd']), visibleHip: '' },
    });

    expect(devices.unavailableReason).toBeUndefined();
  });

  test('a GPU that is excluded is not asked about, so that it cannot stand in the way', async () => {
    const devices = await monitor({
      exclude: [0, 1],
      probe: () => Promise.reject(new Error('libcublas.so.12 is missing')),
    });

    expect(devices.unavailableReason).toBeUndefined();
    expect(place(devices).backend).toBe('cpu');
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
  test.each(['auto', 'all'] as const)(
    'gpu_layers = %s never takes the CPU in place of a GPU that the engine cannot open',
    async (gpuLayers) => {
      const devices = await monitor({
        probe: () => Promise.reject(new Error('libcublas.so.12: cannot open shared object file')),
      });

      expect(() => place(devices, { gpuLayers })).toThrow('libcublas.so.12');
      expect(() => place(devices, { gpuLayers })).toThrow('gpu_layers = 0');
      expect(place(devices, { gpuLayers: 0 }).backend).toBe('cpu');
    },
  );

  test('takes the CPU where a GPU has no driver, and says so', async () => {
    const devices = await monitor({ sources: sources(async () => undefined, ['nvidia']) });

    expect(place(devices)).toMatchObject({
      backend: 'cpu',
      warning: expect.stringContaining('nvidia-smi'),
    });
  });

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

    expect(() => place(devices, { devices: [7] })).toThrow('no device 7. Available: 0, 1');
  });

  test('never takes the CPU when a GPU was asked for', async () => {
    const devices = await monitor({ sources: sources(async () => undefined, ['nvidia']) });

    expect(() => place(devices, { gpuLayers: 'all' })).toThrow('nvidia-smi');
  });
});
