import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export type PciGpuVendor = 'nvidia' | 'amd' | 'intel';

/** PCI vendor ids (pcisig.com) of GPUs that can run models. */
const VENDORS: Readonly<Record<string, PciGpuVendor>> = {
  '0x10de': 'nvidia',
  '0x1002': 'amd',
  '0x8086': 'intel',
};

/** The graphics unit of an Intel processor has this slot. It is slower than the cores beside it. */
const INTEL_INTEGRATED = '0000:00:02.0';

/** PCI base class 03: display controllers, 3D controllers included. */
const isDisplayClass = (text: string): boolean => text.startsWith('0x03');

const readWord = async (path: string): Promise<string> =>
  (await readFile(path, 'utf8').catch(() => '')).trim();

/** Vendors of the GPUs on the PCI bus, with or without a driver; empty without sysfs. */
export async function listPciGpuVendors(
  root = '/sys/bus/pci/devices',
): Promise<readonly PciGpuVendor[]> {
  const slots = await readdir(root).catch(() => []);
  const vendors = await Promise.all(
    slots.map(async (slot) => {
      const vendor = VENDORS[await readWord(join(root, slot, 'vendor'))];
      if (!vendor || slot === INTEL_INTEGRATED) return [];
      return isDisplayClass(await readWord(join(root, slot, 'class'))) ? [vendor] : [];
    }),
  );
  return [...new Set(vendors.flat())];
}
