import { describe, expect, test } from 'bun:test';

import type { Device, Placement } from './device.ts';
import { MemoryLedger, type MemoryNeed } from './memory-ledger.ts';

const CPU: Placement = { backend: 'cpu', deviceIndexes: [], env: {} };
const onCards = (...deviceIndexes: number[]): Placement => ({
  backend: 'cuda',
  deviceIndexes,
  env: { CUDA_VISIBLE_DEVICES: deviceIndexes.join(',') },
});

/** A machine with GPUs: what the driver says of them, and what programs take. */
class Machine {
  readonly #totalsMib: readonly (number | undefined)[];
  readonly #usedMib: number[];
  readonly ledger: MemoryLedger;
  nowMs = 0;
  refreshes = 0;
  #devices: readonly Device[];

  /** @param totalsMib - Of each GPU; undefined: it shares the memory of the host. */
  constructor(totalsMib: readonly (number | undefined)[], fillRatio?: number) {
    this.#totalsMib = totalsMib;
    this.#usedMib = totalsMib.map(() => 0);
    this.#devices = this.#read();
    this.ledger = new MemoryLedger({
      cpuMemoryMib: 10_000,
      reserveMib: 500,
      fillRatio,
      devices: () => this.#devices,
      refresh: async () => {
        this.refreshes += 1;
        this.#devices = this.#read();
      },
      nowMs: () => this.nowMs,
    });
  }

  get devices(): readonly Device[] {
    return this.#devices;
  }

  /** A program takes memory of a GPU, or gives it back. */
  use(index: number, mib: number): void {
    this.#usedMib[index] = (this.#usedMib[index] ?? 0) + mib;
    this.nowMs += 1;
  }

  /** The roomiest GPU. */
  anywhere(modelId: string) {
    return {
      modelId,
      mayUseGpu: true,
      place: (roomOf: (device: Device) => number): Placement => {
        const [best] = this.#devices.toSorted((a, b) => roomOf(b) - roomOf(a));
        return best ? onCards(best.index) : CPU;
      },
    };
  }

  at(modelId: string, placement: Placement) {
    return { modelId, mayUseGpu: placement.backend !== 'cpu', place: () => placement };
  }

  async budget(modelId: string, placement: Placement) {
    return (await this.ledger.freshBudget(this.at(modelId, placement))).budget;
  }

  reserve(modelId: string, placement: Placement, need: Partial<MemoryNeed>) {
    return this.ledger.reserve(this.at(modelId, placement), async () => ({
      need: { vramMib: 0, ramMib: 0, ...need },
    }));
  }

  #read(): Device[] {
    return this.#totalsMib.map((totalMib, index) => ({
      index,
      name: 'Card',
      kind: 'cuda',
      totalMib: totalMib ?? 20_000,
      freeMib: totalMib === undefined ? undefined : totalMib - (this.#usedMib[index] ?? 0),
      env: {},
      readAtMs: this.nowMs,
    }));
  }
}

const isLoaded = () => true;

describe('the memory budget of a load', () => {
  test('is the configured share of RAM less the memory of models, on the CPU', async () => {
    const machine = new Machine([]);
    const { ledger } = machine;
    await machine.reserve('a', CPU, { ramMib: 6000 });

    expect(await machine.budget('b', CPU)).toEqual({ ramMib: 4000 });
    ledger.settle('a', { vramMib: 0, ramMib: 2500, placement: CPU }, isLoaded);
    expect(await machine.budget('b', CPU)).toEqual({ ramMib: 7500 });
    expect(ledger.cpu).toEqual({ totalMib: 10_000, usedMib: 2500 });
    ledger.release('a');
    expect(await machine.budget('b', CPU)).toEqual({ ramMib: 10_000 });
  });

  test('is the freshly queried free memory beyond the reserve, on a GPU', async () => {
    const machine = new Machine([8000, 4000]);
    machine.use(0, 1000);

    expect(await machine.budget('a', onCards(0))).toMatchObject({ vramMib: 6500 });
    expect(machine.refreshes).toBe(1);
  });

  test('is split in proportion to the free memory of each card, on several GPUs', async () => {
    const machine = new Machine([8000, 4000]);

    // A third goes to the smaller card, which has 3,500 MiB for it, and up to 6 % more because layers are not cut.
    const { vramMib = 0 } = await machine.budget('a', onCards(0, 1));
    expect(vramMib).toBeCloseTo(3500 / (1 / 3 + 0.06), 3);
  });

  test('excludes the reserved memory of loads under way, on each card', async () => {
    const machine = new Machine([8000, 4000]);
    await machine.reserve('a', onCards(0, 1), { vramMib: 3000 });

    expect(await machine.budget('b', onCards(0))).toMatchObject({ vramMib: 5500 });
    expect(await machine.budget('b', onCards(1))).toMatchObject({ vramMib: 2500 });
  });

  test('is not taken for that of another program when a model has gone since the last reading', async () => {
    const machine = new Machine([24_000]);
    const { ledger } = machine;
    machine.use(0, 700);
    await machine.reserve('a', onCards(0), { vramMib: 3000 });
    machine.use(0, 3000);
    ledger.settle('a', { vramMib: 3000, ramMib: 0, placement: onCards(0) }, isLoaded);
    await machine.budget('b', onCards(0));
    const foreign = () => machine.devices.map((gpu) => ledger.foreignMib(gpu));

    ledger.release('a');
    machine.use(0, -3000);
    const beforeReading = foreign();
    await machine.budget('b', onCards(0));

    expect([beforeReading, foreign()]).toEqual([[700], [700]]);
  });

  test.each([0, 1500, 3000])(
    'stays the same while another model is loading and the driver shows %p MiB of it',
    async (shownMib) => {
      const machine = new Machine([24_000]);
      machine.use(0, 700);
      await machine.reserve('a', onCards(0), { vramMib: 3000 });

      machine.use(0, shownMib);

      expect(await machine.budget('b', onCards(0))).toMatchObject({ vramMib: 19_800 });
    },
  );

  test('counts a loaded model once, and a recovering model as loaded', async () => {
    const machine = new Machine([8000]);
    await machine.reserve('a', onCards(0), { vramMib: 3000 });
    machine.use(0, 2900);
    let isInMemory = true;
    machine.ledger.settle(
      'a',
      { vramMib: 2900, ramMib: 0, placement: onCards(0) },
      () => isInMemory,
    );
    machine.nowMs += 1;

    expect(await machine.budget('b', onCards(0))).toMatchObject({ vramMib: 4600 });
    isInMemory = false;
    machine.use(0, -2900);
    expect(await machine.budget('b', onCards(0))).toMatchObject({ vramMib: 4600 });
  });

  test('excludes memory of other programs, before or after the start of the daemon', async () => {
    const machine = new Machine([8000]);
    await machine.reserve('a', onCards(0), { vramMib: 3000 });

    machine.use(0, 3000 + 2000);

    expect(await machine.budget('b', onCards(0))).toMatchObject({ vramMib: 2500 });
  });

  test('includes the memory of a process that only inspects a file', async () => {
    const machine = new Machine([8000]);
    await machine.budget('a', onCards(0));
    const probeEnded = machine.ledger.trackProbe();
    machine.use(0, 400);

    expect(await machine.budget('a', onCards(0))).toMatchObject({ vramMib: 7500 });
    probeEnded();
    machine.use(0, -400);
    expect(await machine.budget('a', onCards(0))).toMatchObject({ vramMib: 7500 });
    machine.use(0, 400);
    expect(await machine.budget('a', onCards(0))).toMatchObject({ vramMib: 7100 });
  });

  test('includes the memory of the same model, for a load that replaces it', async () => {
    const machine = new Machine([8000]);
    await machine.reserve('a', onCards(0), { vramMib: 3000, ramMib: 1000 });
    machine.use(0, 3000);
    machine.ledger.settle('a', { vramMib: 3000, ramMib: 1000, placement: onCards(0) }, isLoaded);
    machine.nowMs += 1;

    expect(await machine.budget('a', onCards(0))).toEqual({ vramMib: 7500, ramMib: 10_000 });
  });

  test('is the share of RAM, counted once, on a GPU with unified memory', async () => {
    const machine = new Machine([undefined]);

    expect(await machine.budget('a', onCards(0))).toEqual({ vramMib: 10_000, ramMib: 10_000 });
    await machine.reserve('a', onCards(0), { vramMib: 4000, ramMib: 1000 });
    expect(await machine.budget('b', onCards(0))).toEqual({ vramMib: 5000, ramMib: 5000 });
  });

  test('is reduced by the RAM part of the load, on a GPU with unified memory', async () => {
    const machine = new Machine([undefined]);
    const budgets: (number | undefined)[] = [];

    await machine.ledger.reserve(machine.at('a', onCards(0)), async ({ budget }) => {
      budgets.push(budget.vramMib);
      return { need: { vramMib: budget.vramMib ?? 0, ramMib: 1000 } };
    });

    expect(budgets).toEqual([10_000, 9000]);
  });
});

test('if the driver of a GPU reports no use, the memory of the models on it counts as its use', async () => {
  const machine = new Machine([8000]);
  await machine.reserve('a', onCards(0), { vramMib: 3000 });
  machine.ledger.settle('a', { vramMib: 2900, ramMib: 0, placement: onCards(0) }, isLoaded);

  const [device] = machine.devices;

  expect(device && machine.ledger.usedMib(device)).toBe(2900);
});

test('the part of a GPU that is kept free is the larger of reserve_mb and what yield_at leaves', () => {
  const reservedOf = (fillRatio: number | undefined): number => {
    const { ledger, devices } = new Machine([8000], fillRatio);
    return devices[0] ? ledger.reservedMib(devices[0]) : 0;
  };

  expect([reservedOf(undefined), reservedOf(0.99), reservedOf(0.75)]).toEqual([500, 500, 2000]);
});

describe('MemoryLedger.reserve', () => {
  const need = { vramMib: 3000, ramMib: 0 };

  test('places two concurrent loads on two equally free GPUs', async () => {
    const machine = new Machine([8000, 8000]);

    const placed = await Promise.all(
      ['a', 'b'].map((id) => machine.ledger.reserve(machine.anywhere(id), async () => ({ need }))),
    );

    const indexes = placed.flatMap(({ placement }) => placement.deviceIndexes);
    expect(indexes.toSorted((a, b) => a - b)).toEqual([0, 1]);
  });

  test('places a second load on the idle GPU, even if the last driver query is old', async () => {
    const machine = new Machine([8000, 8000]);
    const first = await machine.ledger.reserve(machine.anywhere('a'), async () => ({ need }));
    const [index = -1] = first.placement.deviceIndexes;
    machine.use(index, 3000);
    machine.ledger.settle('a', { ...need, placement: first.placement }, isLoaded);

    const second = await machine.ledger.reserve(machine.anywhere('b'), async () => ({ need }));

    expect(second.placement.deviceIndexes).not.toEqual(first.placement.deviceIndexes);
  });

  test('never overcommits memory for concurrent loads, and refuses none that fits', async () => {
    const machine = new Machine([8000, 8000]);
    const full = new Error('does not fit');

    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((id) =>
        machine.ledger.reserve(machine.anywhere(id), async ({ budget }) => {
          if ((budget.vramMib ?? 0) < need.vramMib) throw full;
          return { need };
        }),
      ),
    );

    // 7,500 MiB on each: two of 3,000.
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
  });

  test('does not delay other loads when an estimate never ends', async () => {
    const machine = new Machine([8000, 8000]);
    void machine.ledger.reserve(machine.anywhere('a'), () => new Promise<never>(() => undefined));

    const second = await machine.ledger.reserve(machine.anywhere('b'), async () => ({ need }));

    expect(second.placement.deviceIndexes).toHaveLength(1);
  });

  test('reserves nothing when a plan fails', async () => {
    const machine = new Machine([]);
    const failing = machine.ledger.reserve(machine.at('a', CPU), () =>
      Promise.reject(new Error('broken file')),
    );

    expect(await failing.catch((error: unknown) => error)).toMatchObject({
      message: 'broken file',
    });
    expect(await machine.budget('b', CPU)).toEqual({ ramMib: 10_000 });
  });

  test('refuses a load whose memory is taken again and again', async () => {
    const machine = new Machine([8000]);

    const restless = machine.ledger.reserve(machine.anywhere('a'), async ({ budget }) => {
      machine.use(0, 100);
      return { need: { vramMib: budget.vramMib ?? 0, ramMib: 0 } };
    });

    expect(await restless.catch((error: unknown) => error)).toMatchObject({
      code: 'insufficient_vram',
    });
  });
});
