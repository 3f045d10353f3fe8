import fc from 'fast-check';
import { expect, test } from 'bun:test';

import type { Device, Placement } from './device.ts';
import { MemoryLedger } from './memory-ledger.ts';

interface Card {
  readonly totalMib: number;
  readonly foreignMib: number;
}

interface SplitModel {
  readonly layers: number;
  /** MiB of a layer. */
  readonly layerMib: number;
  /** The output layer counts as one layer, and is larger than the others. */
  readonly outputMib: number;
}

const freeOf = ({ totalMib, foreignMib }: Card): number => totalMib - foreignMib;

/** MiB on each card when llama.cpp splits a model by free memory (`load_tensors` in llama-model.cpp, v0.5.0). */
function splitOf({ layers, layerMib, outputMib }: SplitModel, cards: readonly Card[]): number[] {
  const freeMib = cards.reduce((sum, card) => sum + freeOf(card), 0);
  const parts = cards.map(() => 0);
  for (let layer = 0; layer <= layers; layer += 1) {
    let upTo = 0;
    const at = cards.findIndex((card) => (upTo += freeOf(card) / freeMib) > layer / (layers + 1));
    const card = at < 0 ? cards.length - 1 : at;
    parts[card] = (parts[card] ?? 0) + (layer === layers ? outputMib : layerMib);
  }
  return parts;
}

const toDevices = (cards: readonly Card[]): Device[] =>
  cards.map((card, index) => ({
    index,
    name: 'Card',
    kind: 'cuda',
    totalMib: card.totalMib,
    freeMib: freeOf(card),
    env: {},
    readAtMs: 0,
  }));

/** What the ledger allows a model on all of `cards` together, MiB. */
async function budgetOn(cards: readonly Card[]): Promise<number> {
  const devices = toDevices(cards);
  const ledger = new MemoryLedger({
    cpuMemoryMib: 1000,
    reserveMib: 512,
    devices: () => devices,
    refresh: async () => undefined,
  });
  const placement: Placement = {
    backend: 'cuda',
    deviceIndexes: devices.map(({ index }) => index),
    env: {},
  };
  const choice = { modelId: 'm', mayUseGpu: true, place: () => placement };
  return (await ledger.freshBudget(choice)).budget.vramMib ?? 0;
}

const card = fc.record({
  totalMib: fc.constantFrom(8, 12, 16, 24, 32, 48, 80).map((gib) => gib * 1024),
  foreignMib: fc.integer({ min: 0, max: 6000 }),
});

/** Models that one card does not hold have 24 layers or more, beside which the output layer is small. */
const shape = fc.record({
  layers: fc.integer({ min: 24, max: 81 }),
  outputLayers: fc.double({ min: 0.5, max: 2, noNaN: true }),
});

test('a model that the ledger allows on several GPUs fits each of them, as the library splits it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(card, { minLength: 2, maxLength: 4 }),
      shape,
      async (cards, wanted) => {
        // As large as the ledger allows.
        const needMib = await budgetOn(cards);
        const layerMib = needMib / (wanted.layers + wanted.outputLayers);
        const model = {
          layers: wanted.layers,
          layerMib,
          outputMib: layerMib * wanted.outputLayers,
        };

        const parts = splitOf(model, cards);

        return parts.every((mib, at) => {
          const target = cards[at];
          return target !== undefined && mib <= freeOf(target);
        });
      },
    ),
    { numRuns: 300 },
  );
});

test('two equal cards hold a model of more than 85 % of their free memory', async () => {
  const cards = [
    { totalMib: 24_576, foreignMib: 300 },
    { totalMib: 24_576, foreignMib: 300 },
  ];

  expect(await budgetOn(cards)).toBeGreaterThan(0.85 * 2 * 24_276);
});
