import { CortexError } from '@cortex/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'bun:test';

import type { Placement } from '../devices/device.ts';
import type { LoadEstimate } from '../harness/harness.ts';
import { toLoadSettings } from '../harness/load-settings.ts';
import { planLoad, planUnknown, shortageOf } from './plan-load.ts';

const CPU: Placement = { backend: 'cpu', deviceIndexes: [], env: {} };
const CARD: Placement = {
  backend: 'cuda',
  deviceIndexes: [1],
  env: { CUDA_VISIBLE_DEVICES: 'GPU-b' },
};

const estimate = (overrides: Partial<LoadEstimate> = {}): LoadEstimate => ({
  vramMib: 8000,
  ramMib: 500,
  kvMibPer1kTokens: 100,
  contextTokens: 65_536,
  slots: 3,
  gpuLayers: 48,
  layers: 48,
  fits: true,
  contextMax: 70_000,
  slotsMax: 3,
  roomyContextTokens: 131_072,
  ...overrides,
});

const settings = (fields: object = {}) => toLoadSettings({ model_id: 'm', ...fields });
const onCard = (overrides: Partial<LoadEstimate> = {}) => ({
  estimate: estimate(overrides),
  budget: { vramMib: 10_000, ramMib: 10_000 },
  placement: CARD,
});

function refusalOf(act: () => unknown): CortexError {
  try {
    act();
  } catch (error) {
    if (error instanceof CortexError) return error;
  }
  throw new Error('was not refused');
}

describe('planLoad', () => {
  test('replaces auto by the values that fit', () => {
    const plan = planLoad('m', settings(), onCard({ gpuLayers: 31 }));

    expect(plan.settings).toMatchObject({ contextLength: 65_536, slots: 3, gpuLayers: 31 });
    expect(plan.need).toEqual({ vramMib: 8000, ramMib: 500 });
  });

  test('keeps explicit numbers', () => {
    const asked = settings({ context_length: 777, slots: 2, gpu_layers: 'all' });

    expect(planLoad('m', asked, onCard()).settings).toEqual(asked);
  });

  test('names the device and the missing memory, also for explicit numbers', () => {
    const facts = onCard({ vramMib: 12_000.2, fits: false });

    const refusal = refusalOf(() => planLoad('m', settings({ context_length: 99 }), facts));

    expect(refusal).toMatchObject({
      code: 'insufficient_vram',
      status: 503,
      details: { extra: { device: 1, missing_mb: 2001 } },
    });
    expect(refusal.retryAfterS).toBeGreaterThan(0);
  });

  test('names the CPU and the missing memory when RAM is missing', () => {
    const facts = onCard({ ramMib: 12_000, fits: false });

    expect(refusalOf(() => planLoad('m', settings(), facts)).details.extra).toEqual({
      device: 'cpu',
      missing_mb: 2000,
    });
  });

  test('warns of a small context and suggests a smaller KV type', () => {
    const { warnings } = planLoad('m', settings(), onCard({ contextTokens: 16_384 }));

    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('16384 tokens');
    expect(warnings[0]).toContain('kv_type = "q8_0"');
  });

  test('warns of layers that do not fit', () => {
    const { warnings } = planLoad('m', settings(), onCard({ gpuLayers: 31 }));

    expect(warnings).toEqual([expect.stringContaining('31 of 48 layers')]);
  });

  test.each([
    [
      'a model with a small trained context',
      {},
      onCard({ contextTokens: 8192, roomyContextTokens: 8192 }),
    ],
    [
      'an explicit context_length',
      { context_length: 4096 },
      onCard({ contextTokens: 4096, roomyContextTokens: 4096 }),
    ],
    ['a model on the CPU', {}, { ...onCard({ contextTokens: 8192 }), placement: CPU }],
  ])('does not warn of %s', (_name, fields, facts) => {
    expect(planLoad('m', settings(fields), facts).warnings).toEqual([]);
  });
});

test('a load that goes to the CPU although the machine has a GPU has a warning', () => {
  const placement = { ...CPU, warning: 'it runs on the CPU. The driver is not installed.' };
  const facts = { estimate: estimate({ vramMib: 0 }), budget: { ramMib: 10_000 }, placement };

  expect(planLoad('m', settings(), facts).warnings).toEqual([placement.warning]);
});

describe('planUnknown', () => {
  test('uses vram_mb of the caller if there is no estimate', () => {
    const facts = { budget: { vramMib: 1000 }, placement: CARD, fileMib: 800 };

    expect(planUnknown('m', settings(), { ...facts, vramMib: 900 }).need?.vramMib).toBe(900);
    const refusal = refusalOf(() => planUnknown('m', settings(), { ...facts, vramMib: 1200 }));
    expect(refusal.details.extra).toEqual({ device: 1, missing_mb: 200 });
  });

  test('reserves at least the size of the file without an estimate and vram_mb', () => {
    const facts = { budget: { vramMib: 1000 }, placement: CARD, vramMib: undefined };

    expect(planUnknown('m', settings(), { ...facts, fileMib: 800 }).need?.vramMib).toBe(800);
    const refusal = refusalOf(() => planUnknown('m', settings(), { ...facts, fileMib: 1200 }));
    expect(refusal.code).toBe('insufficient_vram');
  });
});

test('a shortage is a whole number above 0', () => {
  const mib = fc.double({ min: 0, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(mib, mib, mib, mib, (vramMib, ramMib, vramRoom, ramRoom) => {
      const fits = vramMib <= vramRoom && ramMib <= ramRoom;
      const budget = { vramMib: vramRoom, ramMib: ramRoom };
      const shortage = shortageOf({ vramMib, ramMib, fits }, { budget, placement: CARD });
      if (fits) return shortage === undefined;
      return (
        shortage !== undefined && Number.isInteger(shortage.missingMib) && shortage.missingMib > 0
      );
    }),
  );
});
