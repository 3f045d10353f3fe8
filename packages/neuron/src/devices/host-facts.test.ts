import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { readFreeRamMib } from './host-facts.ts';

const MIB = 1 << 20;

function controlGroup(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder('neuron-cgroup');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe('readFreeRamMib', () => {
  test('gives what a control group has left, its reclaimable page cache included', () => {
    const folder = controlGroup({
      'memory.max': `${100 * MIB}\n`,
      'memory.current': `${90 * MIB}\n`,
      'memory.stat': `anon 1\nfile ${50 * MIB}\ninactive_file ${30 * MIB}\n`,
    });

    expect(readFreeRamMib(folder)).toBe(40);
  });

  test('gives 0 when a control group is above its limit', () => {
    const folder = controlGroup({ 'memory.max': `${MIB}`, 'memory.current': `${2 * MIB}` });

    expect(readFreeRamMib(folder)).toBe(0);
  });

  test.each([{}, { 'memory.max': 'max\n', 'memory.current': `${MIB}\n` }])(
    'gives what the machine has free without a memory limit: %j',
    (files) => {
      const freeMib = readFreeRamMib(controlGroup(files));

      expect(freeMib).toBeGreaterThan(0);
      // Other processes take and free memory between the two readings.
      expect(Math.abs(freeMib - freemem() / MIB)).toBeLessThan(freeMib / 2);
    },
  );
});
