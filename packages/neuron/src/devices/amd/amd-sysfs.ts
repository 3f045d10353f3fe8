/** AMD cards from sysfs, as the kernel driver amdgpu shows them. Needs no tool and starts no process. */
import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import type { AmdCard } from './amd-card.ts';

const MIB = 1 << 20;

async function readNumber(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const value = Number.parseFloat(text);
  return Number.isFinite(value) ? value : undefined;
}

const scaled = (value: number | undefined, factor: number): number | undefined =>
  value === undefined ? undefined : value * factor;

/** Temperature in m°C, power and energy in µW and µJ (kernel documentation, hwmon sysfs interface). */
async function readSensors(device: string): Promise<Partial<AmdCard>> {
  const [sensor] = await readdir(join(device, 'hwmon')).catch(() => []);
  if (sensor === undefined) return {};
  const read = (name: string): Promise<number | undefined> =>
    readNumber(join(device, 'hwmon', sensor, name));
  return {
    tempC: scaled((await read('temp2_input')) ?? (await read('temp1_input')), 1e-3),
    powerW: scaled((await read('power1_average')) ?? (await read('power1_input')), 1e-6),
    energyJ: scaled(await read('energy1_input'), 1e-6),
  };
}

async function readCard(device: string, index: number): Promise<AmdCard[]> {
  const totalBytes = await readNumber(join(device, 'mem_info_vram_total'));
  if (totalBytes === undefined) return [];
  const usedBytes = await readNumber(join(device, 'mem_info_vram_used'));
  return [
    {
      index,
      totalMib: Math.floor(totalBytes / MIB),
      usedMib: scaled(usedBytes, 1 / MIB),
      utilizationPct: await readNumber(join(device, 'gpu_busy_percent')),
      ...(await readSensors(device)),
    },
  ];
}

/** The cards of amdgpu in the order of the PCI bus; none without the driver. */
export async function readAmdSysfs(root: string): Promise<AmdCard[]> {
  const names = (await readdir(root).catch(() => [])).filter((name) => /^card\d+$/.test(name));
  const devices = await Promise.all(
    names.map((name) => realpath(join(root, name, 'device')).catch(() => '')),
  );
  const found: AmdCard[] = [];
  for (const device of devices.filter((path) => path !== '').sort()) {
    found.push(...(await readCard(device, found.length)));
  }
  return found;
}
