import type { EngineDevice } from '@cortex/engine';
import { createLogger } from '@cortex/service';
import { describe, expect, test } from 'bun:test';

import { DeviceMonitor, type DeviceMonitorOptions } from './device-monitor.ts';
import { NO_GPU_ENV } from './device.ts';
import { EngineCheck } from './engine-check.ts';
import type { GpuSources } from './gpu-sources.ts';
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

describe('DeviceMonitor', () => {
  test('lists the GPUs that the driver shows and the engine can open', async () => {
    const devices = await monitor();

    expect(devices.gpus.map(({ name }) => name)).toEqual([
      'NVIDIA GeForce RTX 4090',
      'NVIDIA GeForce RTX 3060',
    ]);
    expect(devices.unavailableReason).toBeUndefined();
  });

  test('does not list a GPU that the engine cannot open, and names the missing library', async () => {
    const devices = await monitor({
      probe: () => Promise.reject(new Error('libcublas.so.12: cannot open shared object file')),
    });

    expect(devices.gpus).toEqual([]);
    expect(devices.unavailableReason).toContain('libcublas.so.12');
  });

  test('reports a GPU on the bus without a driver', async () => {
    const devices = await monitor({ sources: sources(async () => undefined, ['nvidia']) });

    expect(devices.unavailableReason).toContain('nvidia-smi');
  });

  test('asks the driver once at its start', async () => {
    let queries = 0;
    const devices = await monitor({
      sources: sources(async (args) => {
        queries += Number(args.length > 0);
        return answer(TWO_CARDS);
      }),
    });

    expect([devices.gpus.length, queries]).toEqual([2, 1]);
  });

  test('knows the space on disk when it is ready', async () => {
    expect((await monitor()).storage).toMatchObject([{ path: '/' }]);
  });

  test('reports no reason on a machine without a GPU', async () => {
    const devices = await monitor({ sources: sources(async () => undefined) });

    expect(devices.unavailableReason).toBeUndefined();
    expect(place(devices)).toEqual({ backend: 'cpu', deviceIndexes: [], env: NO_GPU_ENV });
  });

  test('asks the engine again after a failure, and lists the GPU once the engine can open it', async () => {
    let isInstalled = false;
    const probe = async () => {
      if (isInstalled) return [cuda];
      throw new Error('libcublas.so.12: cannot open shared object file');
    };
    let nowMs = 0;
    const check = new EngineCheck({ ask: probe, log, nowMs: () => nowMs });
    await check.ask();
    expect(check.reason).toContain('libcublas.so.12');

    isInstalled = true;
    nowMs += 5000;
    await check.ask();

    expect([check.isUsable, check.reason]).toEqual([true, undefined]);
  });

  test('doubles the pause after each failure of the engine, up to five minutes', async () => {
    let attempts = 0;
    let nowMs = 0;
    const check = new EngineCheck({
      ask: async () => {
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

  test('delays loads only until the timeout of a GPU check that never ends', async () => {
    let isEnded = false;
    const ask = (_question: unknown, signal: AbortSignal) => {
      signal.addEventListener('abort', () => (isEnded = true));
      return new Promise<never>(() => undefined);
    };
    const check = new EngineCheck({ ask, log, limitMs: 1 });

    await check.ask();

    expect(check.reason).toContain('did not answer');
    expect(isEnded).toBe(true);
  });

  test('does not make a load for the CPU wait for a GPU that does not answer', async () => {
    const devices = new DeviceMonitor({
      ...options,
      probe: () => new Promise(() => undefined),
    });

    expect(devices.place({ gpuLayers: 0 }, () => 0).backend).toBe('cpu');
    expect(devices.place({ gpuLayers: 'auto', devices: [] }, () => 0).backend).toBe('cpu');
    devices.close();
  });

  test('keeps the last answer of the driver after one failed query, but not after many', async () => {
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
  ])('with CUDA_VISIBLE_DEVICES=%s lists the GPUs %p', async (visibleCuda, indexes) => {
    const devices = await monitor({
      sources: { ...sources(async () => answer(TWO_CARDS), ['nvidia']), visibleCuda },
    });

    expect(devices.gpus.map(({ index }) => index)).toEqual(indexes);
    expect(devices.unavailableReason).toBeUndefined();
  });

  test('does not report an AMD GPU that HIP_VISIBLE_DEVICES hides', async () => {
    const devices = await monitor({
      sources: { ...sources(async () => undefined, ['amd']), visibleHip: '' },
    });

    expect(devices.unavailableReason).toBeUndefined();
  });

  test('does not ask the engine about an excluded GPU, which may hang', async () => {
    const devices = await monitor({
      exclude: [0, 1],
      probe: () => Promise.reject(new Error('libcublas.so.12 is missing')),
    });

    expect(devices.unavailableReason).toBeUndefined();
    expect(place(devices).backend).toBe('cpu');
  });

  test('reports a driver that hangs', async () => {
    const hung: CommandResult = { code: undefined, stdout: '', stderr: '' };
    const devices = await monitor({ sources: sources(async () => hung) });

    expect(devices.unavailableReason).toContain('does not answer');
  });

  test('queries an old driver without the field that it does not know', async () => {
    const devices = await monitor({
      sources: sources(async (args) =>
        args.some((argument) => argument.includes('compute_cap'))
          ? answer('Field "compute_cap" is not a valid field to query.', 2)
          : answer('0, GPU-a, 8192, 1, 8191, 0, 40, 20, 470.57.02, Quadro P4000'),
      ),
    });

    expect(devices.gpus).toMatchObject([{ name: 'Quadro P4000', totalMib: 8192 }]);
  });

  test.each([[[1]], [['GPU-b']]])('does not list a GPU that is excluded by %p', async (exclude) => {
    const devices = await monitor({ exclude });

    expect(devices.gpus.map(({ index }) => index)).toEqual([0]);
  });

  test('reports the memory of the host for a GPU with unified memory', async () => {
    const devices = await monitor({
      sources: sources(async () =>
        answer('0, GPU-1, [N/A], [N/A], [N/A], 3, 44, 12, 580.95.05, 12.1, NVIDIA GB10'),
      ),
    });

    expect(devices.gpus).toMatchObject([
      { totalMib: devices.host.ramTotalMib, freeMib: undefined },
    ]);
  });
});

const XTX: EngineDevice = {
  name: 'AMD Radeon RX 7900 XTX (RADV NAVI31)',
  backend: 'vulkan',
  totalMib: 24_560,
  freeMib: 24_000,
};

/** A machine with NVIDIA cards and an AMD card; the engine opens both kinds. */
const bothKinds = (runNvidiaSmi: GpuSources['runNvidiaSmi']): Partial<DeviceMonitorOptions> => ({
  sources: {
    ...sources(runNvidiaSmi, ['nvidia', 'amd']),
    runAmdSmi: async () => answer('[{"gpu": 0, "mem_usage": {"total_vram": {"value": 24560}}}]'),
  },
  probe: async ({ backend }) => [backend === 'vulkan' ? XTX : cuda],
});

describe('a machine with GPUs of two kinds', () => {
  test('has all of them as devices, with an index for each', async () => {
    const devices = await monitor(bothKinds(async () => answer(TWO_CARDS)));

    expect(devices.gpus.map(({ index, kind }) => [index, kind])).toEqual([
      [0, 'cuda'],
      [1, 'cuda'],
      [50, 'vulkan'],
    ]);
  });

  test('places a model on the GPU of one kind while the tool of the other hangs', async () => {
    const devices = new DeviceMonitor({
      ...options,
      ...bothKinds(() => new Promise(() => undefined)),
    });

    await devices.ready();
    await devices.refresh();

    expect(devices.gpus.map(({ kind }) => kind)).toEqual(['vulkan']);
    expect(place(devices)).toMatchObject({
      backend: 'vulkan',
      env: { ...NO_GPU_ENV, GGML_VK_VISIBLE_DEVICES: '0', HIP_VISIBLE_DEVICES: '0' },
    });
  });

  test('places a model on the other kind, with a warning, if the engine cannot open one', async () => {
    const devices = await monitor({
      ...bothKinds(async () => answer(TWO_CARDS)),
      probe: async ({ backend }) => {
        if (backend === 'vulkan') return [XTX];
        throw new Error('this machine has no libcudart.so.13');
      },
    });

    expect(place(devices)).toMatchObject({
      backend: 'vulkan',
      warning: expect.stringContaining('libcudart.so.13'),
    });
    expect(() => place(devices, { devices: [1] })).toThrow('libcudart.so.13');
  });

  test('refuses to split a model over both kinds', async () => {
    const devices = await monitor(bothKinds(async () => answer(TWO_CARDS)));

    expect(() => place(devices, { devices: [0, 50] })).toThrow('cannot be split');
    expect(devices.mostDevices({ gpuLayers: 'auto' })).toBe(2);
  });
});

describe('DeviceMonitor.place', () => {
  test.each(['auto', 'all'] as const)(
    'does not fall back to the CPU with gpu_layers = %s when the engine cannot open the GPU',
    async (gpuLayers) => {
      const devices = await monitor({
        probe: () => Promise.reject(new Error('libcublas.so.12: cannot open shared object file')),
      });

      expect(() => place(devices, { gpuLayers })).toThrow('libcublas.so.12');
      expect(() => place(devices, { gpuLayers })).toThrow('gpu_layers = 0');
      expect(place(devices, { gpuLayers: 0 }).backend).toBe('cpu');
    },
  );

  test('chooses the CPU, with a warning, if the GPU has no driver', async () => {
    const devices = await monitor({ sources: sources(async () => undefined, ['nvidia']) });

    expect(place(devices)).toMatchObject({
      backend: 'cpu',
      warning: expect.stringContaining('nvidia-smi'),
    });
  });

  test('chooses the GPU with the most free memory', async () => {
    expect(place(await monitor())).toEqual({
      backend: 'cuda',
      deviceIndexes: [1],
      env: { ...NO_GPU_ENV, CUDA_VISIBLE_DEVICES: 'GPU-b' },
    });
  });

  test('chooses the requested devices', async () => {
    expect(place(await monitor(), { devices: [0, 1] })).toMatchObject({
      deviceIndexes: [0, 1],
      env: { CUDA_VISIBLE_DEVICES: 'GPU-a,GPU-b' },
    });
  });

  test('refuses an unknown device', async () => {
    const devices = await monitor();

    expect(() => place(devices, { devices: [7] })).toThrow('no device 7. Available: 0, 1');
  });

  test('never chooses the CPU when a GPU is requested', async () => {
    const devices = await monitor({ sources: sources(async () => undefined, ['nvidia']) });

    expect(() => place(devices, { gpuLayers: 'all' })).toThrow('nvidia-smi');
  });
});
