import { describe, expect, test } from 'bun:test';

import type { Placement } from '../harness/harness.ts';
import { MemoryLedger } from './memory-ledger.ts';
import type { NvidiaGpu } from './nvidia-smi.ts';

const CPU: Placement = { backend: 'cpu', deviceIndexes: [], visibleDevices: '' };
const onCards = (...deviceIndexes: number[]): Placement => ({
  backend: 'cuda',
  deviceIndexes,
  visibleDevices: 'x',
});

function createLedger(
  gpus: readonly Partial<NvidiaGpu>[] = [{ freeMib: 8000 }, { freeMib: 4000 }],
) {
  let refreshes = 0;
  const ledger = new MemoryLedger({
    cpuMemoryMib: 10_000,
    reserveMib: 500,
    gpus: () => gpus.map((gpu, index) => ({ index, name: 'Card', ...gpu })),
    refreshGpus: async () => void (refreshes += 1),
  });
  return { ledger, refreshes: () => refreshes };
}

/** Reserves for a load, and gives the budget it saw. */
async function reserve(
  ledger: MemoryLedger,
  [id, placement]: readonly [string, Placement],
  need: { vramMib?: number; ramMib?: number } | undefined,
) {
  const planned = await ledger.plan(id, placement, async (budget) => ({
    budget,
    need: need && { vramMib: 0, ramMib: 0, ...need },
  }));
  return planned.budget;
}

describe('MemoryLedger', () => {
  test('gives the CPU what models do not hold', async () => {
    const { ledger } = createLedger();
    expect(await reserve(ledger, ['a', CPU], { ramMib: 6000 })).toEqual({ ramMib: 10_000 });

    expect(await ledger.freshBudget('b', CPU)).toEqual({ ramMib: 4000 });
    ledger.settle('a', { vramMib: 0, ramMib: 2500, deviceIndexes: [] }, () => true);
    expect(await ledger.freshBudget('b', CPU)).toEqual({ ramMib: 7500 });
    ledger.release('a');
    expect(await ledger.freshBudget('b', CPU)).toEqual({ ramMib: 10_000 });
  });

  test('gives a GPU what the driver reports free beyond the reserve, asked anew', async () => {
    const { ledger, refreshes } = createLedger();

    expect(await ledger.freshBudget('a', onCards(0))).toMatchObject({ vramMib: 7500 });
    expect(await ledger.freshBudget('a', onCards(0, 1))).toMatchObject({ vramMib: 11_000 });
    expect(refreshes()).toBe(2);
  });

  test('counts what loads under way will take, each card its share', async () => {
    const { ledger } = createLedger();
    await reserve(ledger, ['a', onCards(0, 1)], { vramMib: 2000 });

    expect(await ledger.freshBudget('b', onCards(0))).toMatchObject({ vramMib: 6500 });
    expect(await ledger.freshBudget('b', onCards(1))).toMatchObject({ vramMib: 2500 });
  });

  test('does not count a loaded model twice: the driver shows it; one being brought back it does not', async () => {
    const { ledger } = createLedger();
    await reserve(ledger, ['a', onCards(0)], { vramMib: 3000 });
    let isLoaded = true;
    ledger.settle('a', { vramMib: 3000, ramMib: 0, deviceIndexes: [0] }, () => isLoaded);

    expect(await ledger.freshBudget('b', onCards(0))).toMatchObject({ vramMib: 7500 });
    isLoaded = false;
    expect(await ledger.freshBudget('b', onCards(0))).toMatchObject({ vramMib: 4500 });
  });

  test('a loaded model asks for itself as if it were not there', async () => {
    const { ledger } = createLedger();
    await reserve(ledger, ['a', onCards(0)], { vramMib: 3000, ramMib: 1000 });
    ledger.settle('a', { vramMib: 3000, ramMib: 1000, deviceIndexes: [0] }, () => true);

    expect(await ledger.freshBudget('a', onCards(0))).toEqual({ vramMib: 10_500, ramMib: 10_000 });
  });

  test('two loads at the same time do not count on the same memory', async () => {
    const { ledger } = createLedger();

    const [, second] = await Promise.all([
      reserve(ledger, ['a', onCards(0)], { vramMib: 5000 }),
      reserve(ledger, ['b', onCards(0)], { vramMib: 5000 }),
    ]);

    expect(second.vramMib).toBe(2500);
  });

  test('a plan that fails reserves nothing and holds up nobody', async () => {
    const { ledger } = createLedger();
    const failing = ledger.plan('a', CPU, () => Promise.reject(new Error('broken file')));

    expect(await failing.catch((error: unknown) => error)).toMatchObject({
      message: 'broken file',
    });
    expect(await reserve(ledger, ['b', CPU], undefined)).toEqual({ ramMib: 10_000 });
  });

  test('a GPU that does not say what is free shares the memory of the host', async () => {
    const { ledger } = createLedger([{}]);

    expect(await ledger.freshBudget('a', onCards(0))).toEqual({ vramMib: 10_000, ramMib: 10_000 });
  });
});
