import type { MemoryBudget } from '@cortex/engine';
import { describe, expect, test } from 'bun:test';

import type { ColdModels, HarnessLoadSpec, LoadEstimate } from '../harness.ts';
import { toLoadSettings } from '../load-settings.ts';
import { createColdGguf } from './cold-gguf.ts';

const MIB = 1 << 20;

/** A model of 100 MiB whose context takes 1 MiB per 1,024 tokens: the longest that fits of these. */
const CONTEXTS = [8192, 4096, 2048];

function llama(): ColdModels {
  const estimate = async (_spec: unknown, { vramMib = Infinity }: MemoryBudget) => {
    const fitting = CONTEXTS.find((tokens) => 100 + tokens / 1024 <= vramMib);
    const contextTokens = fitting ?? 2048;
    return {
      vramMib: 100 + contextTokens / 1024,
      ramMib: 10,
      kvMibPer1kTokens: 1,
      contextTokens,
      roomyContextTokens: 8192,
      slots: 2,
      gpuLayers: 3,
      layers: 3,
      fits: fitting !== undefined,
      contextMax: 8192,
      slotsMax: 2,
    } satisfies LoadEstimate;
  };
  return {
    facts: () => undefined,
    estimate,
    estimateLimits: estimate,
    inspect: async () => ({}),
    serve: async () => Response.json({}),
  };
}

const spec = (predictionLayers?: HarnessLoadSpec['predictionLayers']): HarnessLoadSpec => ({
  modelId: 'm',
  modelPath: '/m.gguf',
  fingerprint: 'm',
  sizeBytes: 1,
  lora: [],
  settings: toLoadSettings({ model_id: 'm' }),
  placement: { backend: 'cuda', deviceIndexes: [0], env: {} },
  predictionLayers,
});

/** 20 MiB of weights, 1 KiB per token of each slot, 1 MiB of state per slot. */
const LAYERS = { weightBytes: 20 * MIB, cellBytes: 1024, stateBytes: MIB };

describe('the estimate of a load that drafts with prediction layers', () => {
  const cold = createColdGguf(llama());

  test('counts their weights, and for each slot their cells and state', async () => {
    const estimate = await cold.estimate(spec(LAYERS), {});

    expect(estimate).toMatchObject({
      vramMib: 108 + 20 + 2 * (8 + 1),
      contextTokens: 8192,
      kvMibPer1kTokens: 1 + (1024 * 1000) / MIB,
    });
  });

  test('leaves room for the cells when it chooses the context', async () => {
    // The model with 8,192 tokens and the weights fit; their cells do not.
    const estimate = await cold.estimate(spec(LAYERS), { vramMib: 142 });

    expect(estimate).toMatchObject({ contextTokens: 4096, vramMib: 104 + 20 + 2 * (4 + 1) });
  });

  test('is that of the model where there are none', async () => {
    expect(await cold.estimate(spec(), { vramMib: 130 })).toMatchObject({
      vramMib: 108,
      kvMibPer1kTokens: 1,
    });
  });
});
