import { createLogger } from '@cortex/service';
import { expect, test } from 'bun:test';

import type { Device } from '../devices/device.ts';
import { Yielding } from './yielding.ts';

const log = createLogger({ name: 'test', level: 'fatal' });

/** One GPU of 10,000 MiB without models, and the memory of other programs there. */
function createGpu() {
  const state = { nowMs: 0, foreignMib: 0 };
  const device = (): Device => ({
    index: 0,
    name: 'Card',
    kind: 'cuda',
    totalMib: 10_000,
    freeMib: 10_000 - state.foreignMib,
    env: {},
    readAtMs: state.nowMs,
  });
  const yielding = new Yielding({
    yieldAt: 0.9,
    devices: () => [device()],
    ledger: { foreignMib: () => state.foreignMib, heldMib: () => 0 },
    models: () => [],
    log,
    nowMs: () => state.nowMs,
  });
  const at = (nowMs: number, foreignMib: number): boolean => {
    Object.assign(state, { nowMs, foreignMib });
    yielding.sweep();
    return yielding.isYielding(0);
  };
  return { at };
}

test('a GPU yields while other programs fill it, and until they have left it alone for half a minute', () => {
  const { at } = createGpu();

  expect(at(0, 8000)).toBe(false);
  expect(at(1000, 9500)).toBe(true);
  expect(at(2000, 3000)).toBe(true);
  expect(at(30_500, 3000)).toBe(true);
  expect(at(31_000, 3000)).toBe(false);
});

test('a program that comes back within half a minute keeps the GPU', () => {
  const { at } = createGpu();
  at(0, 9500);

  at(20_000, 3000);
  at(25_000, 9500);

  expect(at(50_000, 3000)).toBe(true);
  expect(at(80_000, 3000)).toBe(false);
});
