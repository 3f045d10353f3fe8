import { describe, expect, test } from 'bun:test';

import { DeviceChanges } from './device-changes.ts';

const CARD = { index: 0, kind: 'cuda', vram_used_mb: 1000, vram_free_mb: 7000, temp_c: 50 };

describe('changes of devices', () => {
  test.each([
    ['64 MiB more in use', { vram_used_mb: 1064, vram_free_mb: 6936 }, false],
    ['65 MiB more in use', { vram_used_mb: 1065, vram_free_mb: 6935 }, true],
    ['5 degrees more', { temp_c: 55 }, false],
    ['6 degrees more', { temp_c: 56 }, true],
    ['more energy used', { energy_j: 9 }, false],
    ['another reading that appears', { utilization_pct: 1 }, true],
    ['a flag', { yielding: true }, true],
  ])('report %s: %p → %p', (_name, change, isReported) => {
    const changes = new DeviceChanges();
    changes.check([CARD]);

    expect(changes.check([{ ...CARD, ...change }]) !== undefined).toBe(isReported);
  });

  test('report a slow drift once it is material', () => {
    const changes = new DeviceChanges();
    changes.check([CARD]);

    const seen = [1030, 1060, 1090].map((vram_used_mb) =>
      changes.check([{ ...CARD, vram_used_mb }]),
    );

    expect(seen.map((devices) => devices !== undefined)).toEqual([false, false, true]);
  });

  test('report a device that appears or goes away', () => {
    const changes = new DeviceChanges();
    changes.check([CARD]);

    expect(changes.check([CARD, { ...CARD, index: 1 }])).toHaveLength(2);
    expect(changes.check([])).toEqual([]);
  });
});
