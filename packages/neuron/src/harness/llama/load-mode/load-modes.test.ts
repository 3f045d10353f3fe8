import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger } from '@cortex/service';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { beforeEach, describe, expect, test } from 'bun:test';

import { StateWriter } from '../../../state-writer.ts';
import { type LoadMode, LoadModes, type LoadModesOptions } from './load-modes.ts';
import { measureReads } from './measure-reads.ts';
import type { ReadSpeeds } from './read-speeds.ts';

const log = createLogger({ name: 'test', level: 'fatal' });
const GIB = 2 ** 30;

let memoryPath = '';
beforeEach(() => {
  memoryPath = join(temporaryFolder('load-modes'), 'read-speeds.json');
});

/** A machine with these speeds, and the files that were measured on it. */
function machine(speeds: ReadSpeeds | Error, options: Partial<LoadModesOptions> = {}) {
  const measured: string[] = [];
  const modes = new LoadModes({
    setting: 'auto',
    memoryPath,
    writer: new StateWriter(log),
    ramBytes: 32 * GIB,
    measure: (path) => {
      measured.push(path);
      return speeds instanceof Error ? Promise.reject(speeds) : Promise.resolve(speeds);
    },
    log,
    ...options,
  });
  return { modes, measured };
}

const file = (sizeBytes = 8 * GIB, backend: 'cpu' | 'gpu' = 'gpu') => ({
  path: '/m.gguf',
  sizeBytes,
  backend,
});

describe('load_mode auto', () => {
  test.each<[string, ReadSpeeds, 'cpu' | 'gpu', LoadMode]>([
    [
      'maps for a GPU where that is as quick',
      { mmap: 1000, read: 1100, direct: 900 },
      'gpu',
      'mmap',
    ],
    ['reads where a GPU gets it quicker', { mmap: 300, read: 1000, direct: 900 }, 'gpu', 'read'],
    [
      'reads past the page cache where that is quickest',
      { mmap: 800, read: 1000, direct: 3000 },
      'gpu',
      'direct',
    ],
    ['never maps for the CPU', { mmap: 3000, read: 1000 }, 'cpu', 'read'],
    ['may read past the page cache for the CPU', { read: 1000, direct: 2000 }, 'cpu', 'direct'],
  ])('%s', async (_what, speeds, backend, mode) => {
    const { modes } = machine(speeds);

    expect(await modes.modeFor(file(8 * GIB, backend))).toBe(mode);
  });

  test('never maps a file that is larger than the RAM', async () => {
    const { modes } = machine({ mmap: 3000, read: 1000, direct: 900 });

    expect(await modes.modeFor(file(33 * GIB))).toBe('read');
    expect(await modes.modeFor(file(31 * GIB))).toBe('mmap');
  });

  test('measures once, also for loads at the same time and for the next daemon', async () => {
    const first = machine({ mmap: 300, read: 1000 });
    await Promise.all([first.modes.modeFor(file()), first.modes.modeFor(file())]);
    await first.modes.modeFor(file());
    const second = machine({ mmap: 1, read: 1 });

    expect(await second.modes.modeFor(file())).toBe('read');
    expect(first.measured).toHaveLength(1);
    expect(second.measured).toHaveLength(0);
  });

  test('does not remember a file that comes from the page cache', async () => {
    const { modes, measured } = machine({ mmap: 9000, read: 12_000, direct: 1000 });

    expect(await modes.modeFor(file())).toBe('mmap');
    expect(existsSync(memoryPath)).toBe(false);
    await modes.modeFor(file());
    expect(measured).toHaveLength(2);
  });

  test('takes the usual way for a small file, without a measurement', async () => {
    const { modes, measured } = machine({ mmap: 1, read: 1000 });

    expect(await modes.modeFor(file(1000))).toBe('mmap');
    expect(measured).toEqual([]);
  });

  test('takes the usual way if it cannot be measured', async () => {
    const { modes } = machine(new Error('EIO'));

    expect(await modes.modeFor(file())).toBe('mmap');
  });
});

test('a load_mode that is written down is taken without a measurement', async () => {
  const { modes, measured } = machine({ mmap: 1, read: 1000 }, { setting: 'mmap' });

  expect(await modes.modeFor(file(99 * GIB))).toBe('mmap');
  expect(measured).toEqual([]);
});

describe('a measurement', () => {
  test('of a real file gives a speed for each way that its file system has', async () => {
    const path = join(temporaryFolder('measured'), 'file');
    writeFileSync(path, new Uint8Array(24 * 2 ** 20));

    const speeds = await measureReads(path);

    expect(speeds.read).toBeGreaterThan(0);
    expect(speeds.mmap).toBeGreaterThan(0);
  });

  test('of a missing file fails', async () => {
    await expect(measureReads('/nowhere')).rejects.toThrow('ENOENT');
  });
});
