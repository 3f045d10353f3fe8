import { describe, expect, test } from 'bun:test';

import type { Placement } from '../harness/harness.ts';
import { MemoryLedger, type MemoryNeed } from './memory-ledger.ts';
import type { NvidiaGpu } from './nvidia-smi.ts';

const CPU: Placement = { backend: 'cpu', deviceIndexes: [], visibleDevices: '' };
const onCards = (...deviceIndexes: number[]): Placement => ({
  backend: 'cuda',
  deviceIndexes,
  visibleDevices: deviceIndexes.join(','),
});

/** A machine with GPUs: what the driver says of them, and what programs take. */
class Machine {
  readonly #totalsMib: readonly (number | undefined)[];
  readonly #usedMib: number[];
  readonly ledger: MemoryLedger;
  nowMs = 0;
  refreshes = 0;
  #readings: { readonly gpus: readonly NvidiaGpu[]; readonly askedMs: number };

  /** @param totalsMib - Of each GPU; undefined: it shares the memory of the host. */
  constructor(totalsMib: readonly (number | undefined)[]) {
    this.#totalsMib = totalsMib;
    this.#usedMib = totalsMib.map(() => 0);
    this.#readings = this.#read();
    this.ledger = new MemoryLedger({
      cpuMemoryMib: 10_000,
      reserveMib: 500,
      readings: () => this.#readings,
      refresh: async () => {
        this.refreshes += 1;
        this.#readings = this.#read();
      },
      nowMs: () => this.nowMs,
    });
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
      place: (roomMib: (gpu: NvidiaGpu) => number): Placement => {
        const [best] = this.#readings.gpus.toSorted((a, b) => roomMib(b) - roomMib(a));
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

  #read() {
    const gpus = this.#totalsMib.map((totalMib, index): NvidiaGpu => {
      if (totalMib === undefined) return { index, name: 'Card' };
      return { index, name: 'Card', totalMib, freeMib: totalMib - (this.#usedMib[index] ?? 0) };
    });
    return { gpus, askedMs: this.nowMs };
  }
}

const isLoaded = () => true;

describe('what a load may take', () => {
  test('on the CPU is the configured share of RAM less what models hold', async () => {
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

  test('on a GPU is what is free beyond the reserve, asked for anew', async () => {
    const machine = new Machine([8000, 4000]);
    machine.use(0, 1000);

    expect(await machine.budget('a', onCards(0))).toMatchObject({ vramMib: 6500 });
    expect(machine.refreshes).toBe(1);
  });

  test('on several GPUs is what no card has too little for, split in proportion to what is free', async () => {
    const machine = new Machine([8000, 4000]);

    // A third goes to the smaller card, which has 3,500 MiB for it.
    expect(await machine.budget('a', onCards(0, 1))).toMatchObject({ vramMib: 10_500 });
  });

  test('does not include what loads under way will take, each card its part', async () => {
    const machine = new Machine([8000, 4000]);
    await machine.reserve('a', onCards(0, 1), { vramMib: 3000 });

    expect(await machine.budget('b', onCards(0))).toMatchObject({ vramMib: 5500 });
    expect(await machine.budget('b', onCards(1))).toMatchObject({ vramMib: 2500 });
  });

  test.each([0, 1500, 3000])(
    'is the same while another model is being loaded, of which the driver shows %p MiB already',
    async (shownMib) => {
      const machine = new Machine([24_000]);
      machine.use(0, 700);
      await machine.reserve('a', onCards(0), { vramMib: 3000 });

      machine.use(0, shownMib);

      expect(await machine.budget('b', onCards(0))).toMatchObject({ vramMib: 19_800 });
    },
  );

  test('counts a loaded model once, and one that is being brought back as if it were there', async () => {
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

  test('does not include memory of other programs, whenever they took it', async () => {
    const machine = new Machine([8000]);
    await machine.reserve('a', onCards(0), { vramMib: 3000 });

    machine.use(0, 3000 + 2000);

    expect(await machine.budget('b', onCards(0))).toMatchObject({ vramMib: 2500 });
  });

  test('includes what a process of this node takes that only looks into a file', async () => {
    const machine = new Machine([8000]);
    await machine.budget('a', onCards(0));
    const leave = machine.ledger.visit();
    machine.use(0, 400);

    expect(await machine.budget('a', onCards(0))).toMatchObject({ vramMib: 7500 });
    leave();
    machine.use(0, -400);
    expect(await machine.budget('a', onCards(0))).toMatchObject({ vramMib: 7500 });
    machine.use(0, 400);
    expect(await machine.budget('a', onCards(0))).toMatchObject({ vramMib: 7100 });
  });

  test('includes what the same model holds now, for a load that replaces it', async () => {
    const machine = new Machine([8000]);
    await machine.reserve('a', onCards(0), { vramMib: 3000, ramMib: 1000 });
    machine.use(0, 3000);
    machine.ledger.settle('a', { vramMib: 3000, ramMib: 1000, placement: onCards(0) }, isLoaded);
    machine.nowMs += 1;

    expect(await machine.budget('a', onCards(0))).toEqual({ vramMib: 7500, ramMib: 10_000 });
  });

  test('on a GPU that shares the memory of the host is the share of RAM, once', async () => {
    const machine = new Machine([undefined]);

    expect(await machine.budget('a', onCards(0))).toEqual({ vramMib: 10_000, ramMib: 10_000 });
    await machine.reserve('a', onCards(0), { vramMib: 4000, ramMib: 1000 });
    expect(await machine.budget('b', onCards(0))).toEqual({ vramMib: 5000, ramMib: 5000 });
  });

  test('on such a GPU is less by the RAM that the load needs beside it', async () => {
    const machine = new Machine([undefined]);
    const budgets: (number | undefined)[] = [];

    await machine.ledger.reserve(machine.at('a', onCards(0)), async ({ budget }) => {
      budgets.push(budget.vramMib);
      return { need: { vramMib: budget.vramMib ?? 0, ramMib: 1000 } };
    });

    expect(budgets).toEqual([10_000, 9000]);
  });
});

describe('where a load goes', () => {
  const need = { vramMib: 3000, ramMib: 0 };

  test('two loads at the same time go to two GPUs that are equally free', async () => {
    const machine = new Machine([8000, 8000]);

    const placed = await Promise.all(
      ['a', 'b'].map((id) => machine.ledger.reserve(machine.anywhere(id), async () => ({ need }))),
    );

    const indexes = placed.flatMap(({ placement }) => placement.deviceIndexes);
    expect(indexes.toSorted((a, b) => a - b)).toEqual([0, 1]);
  });

  test('a load that follows another goes to the GPU that is idle, however long ago the driver was asked', async () => {
    const machine = new Machine([8000, 8000]);
    const first = await machine.ledger.reserve(machine.anywhere('a'), async () => ({ need }));
    const [index = -1] = first.placement.deviceIndexes;
    machine.use(index, 3000);
    machine.ledger.settle('a', { ...need, placement: first.placement }, isLoaded);

    const second = await machine.ledger.reserve(machine.anywhere('b'), async () => ({ need }));

    expect(second.placement.deviceIndexes).not.toEqual(first.placement.deviceIndexes);
  });

  test('many loads at the same time never take more than there is, and what fits is not refused', async () => {
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

  test('an estimate that never ends holds up no other load', async () => {
    const machine = new Machine([8000, 8000]);
    void machine.ledger.reserve(machine.anywhere('a'), () => new Promise<never>(() => undefined));

    const second = await machine.ledger.reserve(machine.anywhere('b'), async () => ({ need }));

    expect(second.placement.deviceIndexes).toHaveLength(1);
  });

  test('a plan that fails reserves nothing', async () => {
    const machine = new Machine([]);
    const failing = machine.ledger.reserve(machine.at('a', CPU), () =>
      Promise.reject(new Error('broken file')),
    );

    expect(await failing.catch((error: unknown) => error)).toMatchObject({
      message: 'broken file',
    });
    expect(await machine.budget('b', CPU)).toEqual({ ramMib: 10_000 });
  });

  test('a load whose room is taken again and again is refused in the end', async () => {
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
