/** Machines with AMD and Intel GPUs, with an engine that answers as the library does; no such GPU was at hand. */
import type { EngineDevice } from '@cortex/engine';
import { describe, expect, test } from 'bun:test';

import type { AskEngine } from './ask-engine.ts';
import type { GpuSources } from './gpu-sources.ts';
import { createVulkanSource } from './vulkan-source.ts';

const XTX: EngineDevice = {
  name: 'AMD Radeon RX 7900 XTX (RADV NAVI31)',
  backend: 'vulkan',
  totalMib: 24_560,
  freeMib: 23_000,
};
const XT: EngineDevice = { ...XTX, name: 'AMD Radeon RX 7800 XT (RADV NAVI32)', totalMib: 16_368 };
const PROCESSOR: EngineDevice = {
  name: 'AMD Radeon Graphics (RADV RAPHAEL_MENDOCINO)',
  backend: 'vulkan',
  totalMib: 32_000,
  freeMib: 31_000,
  sharesRam: true,
};
const ARC: EngineDevice = {
  name: 'Intel(R) Arc(tm) A770 Graphics (DG2)',
  backend: 'vulkan',
  totalMib: 16_288,
  freeMib: 16_000,
};
const GEFORCE: EngineDevice = {
  name: 'NVIDIA GeForce RTX 4090',
  backend: 'vulkan',
  totalMib: 24_564,
};
const SOFTWARE: EngineDevice = { name: 'llvmpipe (LLVM 19.1.1, 256 bits)', backend: 'vulkan' };

/** The library: what it lists, of which it uses some when nothing is asked for. */
function library(listed: readonly EngineDevice[]): {
  readonly ask: AskEngine;
  readonly asked: string[];
} {
  const asked: string[] = [];
  const used = listed.filter((device) => device !== SOFTWARE);
  const ask: AskEngine = async ({ env }) => {
    const visible = env['GGML_VK_VISIBLE_DEVICES'];
    asked.push(visible ?? 'all');
    if (visible === undefined) {
      // Only the sum of their memory is known.
      return used.length === 1 ? used : used.map(({ name, backend }) => ({ name, backend }));
    }
    const device = listed[Number(visible)];
    if (device === undefined) throw new Error('the engine ended: Invalid Vulkan device index');
    return [device];
  };
  return { ask, asked };
}

const smi =
  (totalsMib: readonly number[]): GpuSources['runAmdSmi'] =>
  async () => ({
    code: 0,
    stdout: JSON.stringify(
      totalsMib.map((total, gpu) => ({
        gpu,
        mem_usage: { total_vram: { value: total }, used_vram: { value: 1000 } },
        power: { socket_power: { value: 50 + gpu } },
      })),
    ),
    stderr: '',
  });

const tools = (rest: Partial<GpuSources> = {}): GpuSources => ({
  runNvidiaSmi: async () => undefined,
  readKernelModule: async () => '',
  listPciVendors: async () => ['amd'],
  readOsRelease: async () => 'ID=debian\n',
  ...rest,
});

const sourceOf = (
  ask: AskEngine,
  rest: Partial<GpuSources>,
  { exclude = [], nowMs = () => 0 }: { exclude?: readonly number[]; nowMs?: () => number } = {},
) => createVulkanSource({ tools: tools(rest), ask, exclude, nowMs });

describe('the Vulkan source', () => {
  test('lists an AMD card by the name of the engine, with the readings of its driver', async () => {
    const { ask } = library([XTX, SOFTWARE]);

    expect(await sourceOf(ask, { runAmdSmi: smi([24_560]) }).read()).toEqual({
      devices: [
        expect.objectContaining({
          index: 0,
          name: XTX.name,
          kind: 'vulkan',
          totalMib: 24_560,
          freeMib: 23_560,
          powerW: 50,
          env: { GGML_VK_VISIBLE_DEVICES: '0', HIP_VISIBLE_DEVICES: '0' },
        }),
      ],
    });
  });

  test('finds the position of each card in the list of the library, which has other entries', async () => {
    const { ask } = library([SOFTWARE, GEFORCE, XTX, XT]);
    const listPciVendors = async () => ['nvidia', 'amd'] as const;

    const { devices } = await sourceOf(ask, {
      runAmdSmi: smi([24_560, 16_368]),
      listPciVendors,
    }).read();

    expect(devices.map(({ name, env }) => [name, env['GGML_VK_VISIBLE_DEVICES']])).toEqual([
      [XTX.name, '2'],
      [XT.name, '3'],
    ]);
  });

  test('keeps two equal cards apart', async () => {
    const { ask } = library([XTX, XTX]);

    const { devices } = await sourceOf(ask, { runAmdSmi: smi([24_560, 24_560]) }).read();

    expect(devices).toMatchObject([
      { index: 0, powerW: 50, env: { GGML_VK_VISIBLE_DEVICES: '0' } },
      { index: 1, powerW: 51, env: { GGML_VK_VISIBLE_DEVICES: '1' } },
    ]);
  });

  test('leaves out the graphics unit of a processor beside a card', async () => {
    const { ask } = library([XTX, PROCESSOR]);

    const { devices } = await sourceOf(ask, { runAmdSmi: smi([24_560, 512]) }).read();

    expect(devices.map(({ name }) => name)).toEqual([XTX.name]);
  });

  test('finds nothing, and asks no engine, on a machine with only the graphics unit of its processor', async () => {
    const { ask, asked } = library([PROCESSOR]);

    const reading = await sourceOf(ask, { runAmdSmi: smi([512]) }).read();

    expect([reading, asked]).toEqual([{ devices: [] }, []]);
  });

  test('uses a graphics unit to which the firmware gave memory of its own', async () => {
    const { ask } = library([PROCESSOR]);

    const { devices } = await sourceOf(ask, { runAmdSmi: smi([65_536]) }).read();

    expect(devices).toMatchObject([{ totalMib: 65_536, freeMib: 64_536 }]);
  });

  test('asks an engine again for the free memory of an Intel card, but not at each reading', async () => {
    const { ask, asked } = library([ARC]);
    let now = 0;
    const source = sourceOf(ask, { listPciVendors: async () => ['intel'] }, { nowMs: () => now });

    const { devices } = await source.read();
    await source.read();
    expect([devices, asked]).toMatchObject([[{ kind: 'vulkan', freeMib: 16_000 }], ['all', '0']]);
    now = 61_000;
    await source.read();

    expect(asked).toEqual(['all', '0', '0']);
  });

  test('reports a card that the engine cannot open, with the missing library and its command', async () => {
    const ask: AskEngine = async () => {
      throw new Error(
        'the vulkan device cannot be used: this machine has no libvulkan.so.1; it needs it',
      );
    };

    const reading = await sourceOf(ask, { runAmdSmi: smi([24_560]) }).read();

    expect(reading).toMatchObject({ devices: [], isFailure: true });
    expect(reading.unavailableReason).toContain('libvulkan.so.1');
    expect(reading.unavailableReason).toContain('sudo apt install libvulkan1 mesa-vulkan-drivers');
  });

  test('reports a card without a Vulkan driver, although the loader is there', async () => {
    const reading = await sourceOf(library([SOFTWARE]).ask, { runAmdSmi: smi([24_560]) }).read();

    expect(reading.unavailableReason).toContain('mesa-vulkan-drivers');
  });

  test('reports an AMD GPU without its kernel driver', async () => {
    const reading = await sourceOf(library([]).ask, {}).read();

    expect([reading.devices, reading.isFailure]).toEqual([[], undefined]);
    expect(reading.unavailableReason).toContain('modprobe amdgpu');
  });

  test.each([
    ['GGML_VK_VISIBLE_DEVICES', { visibleVulkan: '' }],
    ['HIP_VISIBLE_DEVICES', { visibleHip: '-1' }],
  ])('finds nothing if %s of the daemon hides every GPU', async (_name, visible) => {
    const { ask, asked } = library([XTX]);

    const reading = await sourceOf(ask, { runAmdSmi: smi([24_560]), ...visible }).read();

    expect([reading, asked]).toEqual([{ devices: [] }, []]);
  });

  test('lists the cards that HIP_VISIBLE_DEVICES of the daemon names', async () => {
    const { ask } = library([XTX, XT]);
    const source = sourceOf(ask, { runAmdSmi: smi([24_560, 16_368]), visibleHip: '1' });

    expect((await source.read()).devices.map(({ name }) => name)).toEqual([XT.name]);
  });

  test('gives its cards indexes that no NVIDIA GPU of the machine has', async () => {
    const { ask } = library([GEFORCE, XTX]);
    const tools = {
      runAmdSmi: smi([24_560]),
      listPciVendors: async () => ['nvidia', 'amd'] as const,
    };

    expect((await sourceOf(ask, tools).read()).devices).toMatchObject([{ index: 50 }]);
    expect((await sourceOf(ask, tools, { exclude: [0] }).read()).devices).toHaveLength(1);
    expect((await sourceOf(ask, tools, { exclude: [50] }).read()).devices).toEqual([]);
  });

  test('does not list an excluded card', async () => {
    const { ask } = library([XTX, XT]);
    const source = sourceOf(ask, { runAmdSmi: smi([24_560, 16_368]) }, { exclude: [0] });

    expect((await source.read()).devices.map(({ index }) => index)).toEqual([1]);
  });
});
