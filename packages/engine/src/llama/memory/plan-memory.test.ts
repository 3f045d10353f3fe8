import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import { memoryLimits, planMemory, type PlannedModel } from './plan-memory.ts';

/** 100 MiB per layer, 1 MiB per 256 tokens of context. Layers on the GPU take VRAM, the others RAM. */
const model = (layers: number, trainedContextTokens: number): PlannedModel => ({
  layers,
  trainedContextTokens,
  measure: ({ gpuLayers, contextTokens, slots }) => {
    const cells = (contextTokens * slots) / 256;
    const share = gpuLayers / layers;
    return Promise.resolve({
      vramMib: gpuLayers * 100 + cells * share,
      ramMib: (layers - gpuLayers) * 100 + cells * (1 - share),
    });
  },
});

const AUTO = { backend: 'cuda', gpuLayers: 'auto', contextLength: 'auto', slots: 'auto' } as const;

describe('planMemory', () => {
  test('puts the whole model first, then the context, then the slots', async () => {
    const plan = await planMemory(AUTO, model(10, 32_768), { vramMib: 1200 });

    expect(plan).toMatchObject({ gpuLayers: 10, contextTokens: 32_768, slots: 1, fits: true });
  });

  test('keeps layers in RAM when the whole model does not fit with a context of 8k', async () => {
    const plan = await planMemory(AUTO, model(10, 32_768), { vramMib: 600 });

    expect(plan).toMatchObject({ gpuLayers: 5, contextTokens: 32_768, slots: 1, fits: true });
  });

  test('uses explicit settings, and reports when they do not fit', async () => {
    const wanted = { ...AUTO, gpuLayers: 'all', contextLength: 4096, slots: 2 } as const;

    const plan = await planMemory(wanted, model(10, 32_768), { vramMib: 900 });

    expect(plan).toMatchObject({ gpuLayers: 10, contextTokens: 4096, slots: 2, fits: false });
  });

  test('reports the maximum context and slots as limits', async () => {
    const limits = await memoryLimits(
      { gpuLayers: 10, contextTokens: 8192, slots: 1 },
      model(10, 32_768),
      { vramMib: 1096 },
    );

    expect(limits).toEqual({ contextMax: 24_576, slotsMax: 3 });
  });

  test('keeps every plan that fits within the budget', async () => {
    const settings = fc.record({
      backend: fc.constantFrom('cpu', 'cuda'),
      gpuLayers: fc.oneof(fc.constantFrom('auto', 'all'), fc.nat(40)),
      contextLength: fc.oneof(fc.constant('auto'), fc.integer({ min: 256, max: 65_536 })),
      slots: fc.oneof(fc.constant('auto'), fc.integer({ min: 1, max: 8 })),
    });
    const budget = fc.record({ vramMib: fc.nat(8000), ramMib: fc.nat(8000) });
    await fc.assert(
      fc.asyncProperty(settings, budget, fc.integer({ min: 1, max: 40 }), async (...given) => {
        const [wanted, room, layers] = given;
        // fast-check widens the constants to strings.
        const plan = await planMemory(wanted as typeof AUTO, model(layers, 32_768), room);

        const isWithin = plan.need.vramMib <= room.vramMib && plan.need.ramMib <= room.ramMib;
        expect(plan.fits).toBe(isWithin);
        expect(plan.gpuLayers).toBeLessThanOrEqual(layers);
        expect(plan.slots).toBeGreaterThanOrEqual(1);
      }),
    );
  });
});
