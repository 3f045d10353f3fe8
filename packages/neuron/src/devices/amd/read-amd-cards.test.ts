/**
 * The shapes follow the documentation of amd-smi (ROCm 6 and 7), rocm-smi and the kernel driver amdgpu, and outputs
 * that users have published; no AMD GPU was at hand.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { parseAmdSmi } from './amd-smi.ts';
import { readAmdCards } from './read-amd-cards.ts';
import { parseRocmSmi } from './rocm-smi.ts';

const quantity = (value: number, unit: string) => ({ value, unit });

const METRICS = [
  {
    gpu: 0,
    usage: { gfx_activity: quantity(40, '%'), umc_activity: quantity(3, '%'), mm_activity: 'N/A' },
    power: { socket_power: quantity(120, 'W'), gfx_voltage: 'N/A' },
    temperature: { edge: quantity(51, 'C'), hotspot: quantity(60, 'C'), mem: 'N/A' },
    mem_usage: { total_vram: quantity(24_560, 'MB'), used_vram: quantity(4096, 'MB') },
    energy: { total_energy_consumption: quantity(12_345.5, 'J') },
  },
  {
    gpu: 1,
    usage: 'N/A',
    power: { socket_power: 'N/A' },
    temperature: { edge: quantity(39, 'C'), hotspot: 'N/A' },
    mem_usage: { total_vram: quantity(4096, 'MB'), used_vram: quantity(69, 'MB') },
    energy: 'N/A',
  },
];

const CARDS = [
  {
    index: 0,
    totalMib: 24_560,
    usedMib: 4096,
    utilizationPct: 40,
    tempC: 60,
    powerW: 120,
    energyJ: 12_345.5,
  },
  { index: 1, totalMib: 4096, usedMib: 69, tempC: 39 },
];

describe('amd-smi', () => {
  test.each([
    ['ROCm 6, a list', JSON.stringify(METRICS)],
    ['ROCm 7, a list within gpu_data', JSON.stringify({ gpu_data: METRICS }, undefined, 4)],
    ['a warning before the JSON', `WARNING: User is missing groups\n${JSON.stringify(METRICS)}`],
  ])('is read from the answer of %s', (_name, stdout) => {
    expect(parseAmdSmi(stdout)).toMatchObject(CARDS);
  });

  test.each(['', 'amd-smi: error: argument --json', '[1, 2]', '{"gpu_data": "N/A"}', '[{"gpu": 0'])(
    'gives no cards for %p',
    (stdout) => {
      expect(parseAmdSmi(stdout)).toEqual([]);
    },
  );
});

describe('rocm-smi', () => {
  test('is read with the names of fields of several versions', () => {
    const stdout = JSON.stringify({
      card0: {
        'Temperature (Sensor edge) (C)': '35.0',
        'Temperature (Sensor junction) (C)': '36.0',
        'Average Graphics Package Power (W)': '19.0',
        'GPU use (%)': '3',
        'VRAM Total Memory (B)': '34208743424',
        'VRAM Total Used Memory (B)': '29225381888',
      },
      card1: {
        'Temperature (Sensor edge) (C)': '39.0',
        'Current Socket Graphics Package Power (W)': '12.134',
        'GPU use (%)': 'N/A',
        'VRAM Total Memory (B)': '4294967296',
        'VRAM Total Used Memory (B)': '72495104',
      },
      system: { 'Driver version': '6.7.0' },
    });

    expect(parseRocmSmi(stdout)).toEqual([
      { index: 0, totalMib: 32_624, usedMib: 27_871, utilizationPct: 3, tempC: 36, powerW: 19 },
      {
        index: 1,
        totalMib: 4096,
        usedMib: 69,
        utilizationPct: undefined,
        tempC: 39,
        powerW: 12.134,
      },
    ]);
  });

  test.each(['', 'ERROR:root:Driver not initialized', '{"card0": "N/A"}', '[]'])(
    'gives no cards for %p',
    (stdout) => {
      expect(parseRocmSmi(stdout)).toEqual([]);
    },
  );
});

/** A folder like /sys/class/drm with these cards, by PCI address. */
function createDrm(cards: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  const root = temporaryFolder('neuron-drm');
  const drm = join(root, 'drm');
  mkdirSync(join(drm, 'card0-DP-1'), { recursive: true });
  Object.entries(cards).forEach(([address, files], at) => {
    const device = join(root, 'pci', address);
    mkdirSync(join(device, 'hwmon', 'hwmon3'), { recursive: true });
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(device, name), `${text}\n`);
    // The numbers of cards do not follow the order of the bus.
    const card = join(drm, `card${9 - at}`);
    mkdirSync(card);
    symlinkSync(device, join(card, 'device'));
  });
  return drm;
}

const RADEON = {
  mem_info_vram_total: '25753026560',
  mem_info_vram_used: '1073741824',
  gpu_busy_percent: '37',
  'hwmon/hwmon3/temp1_input': '51000',
  'hwmon/hwmon3/temp2_input': '63000',
  'hwmon/hwmon3/power1_average': '142000000',
};

describe('sysfs', () => {
  test('has memory, load, temperature and power of each card, in the order of the PCI bus', async () => {
    const drmRoot = createDrm({
      '0000:03:00.0': RADEON,
      '0000:0b:00.0': { mem_info_vram_total: '8573157376', 'hwmon/hwmon3/power1_input': '9000000' },
    });

    expect(await readAmdCards({ drmRoot })).toMatchObject([
      { index: 0, totalMib: 24_560, usedMib: 1024, utilizationPct: 37, tempC: 63, powerW: 142 },
      { index: 1, totalMib: 8176, powerW: 9 },
    ]);
  });

  test('leaves out a card of another driver', async () => {
    expect(await readAmdCards({ drmRoot: createDrm({ '0000:01:00.0': {} }) })).toEqual([]);
  });
});

test('a machine without the files of amdgpu is read with amd-smi, and without that with rocm-smi', async () => {
  const drmRoot = createDrm({});
  const answer = (stdout: string) => async () => ({ code: 0, stdout, stderr: '' });
  const runRocmSmi = answer('{"card0": {"VRAM Total Memory (B)": "17163091968"}}');

  const first = await readAmdCards({
    drmRoot,
    runAmdSmi: answer(JSON.stringify(METRICS)),
    runRocmSmi,
  });
  const second = await readAmdCards({ drmRoot, runAmdSmi: async () => undefined, runRocmSmi });

  expect([first.length, second]).toMatchObject([2, [{ index: 0, totalMib: 16_368 }]]);
});
