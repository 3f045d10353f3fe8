import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';

import type { GgufFile } from '@cortex/testkit/gguf/gguf-file';
import { embeddingModel, rankModel, writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { tinyBert } from '@cortex/testkit/gguf/tiny-bert';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import fc from 'fast-check';

import type { Engine } from '../src/engine/engine.ts';
import type { EngineLoadSpec } from '../src/engine/load.ts';
import { openLibrary } from '../src/llama/binding.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { cosine, loadPooledModel, pooledModel, POOLED_SPEC } from './pooled-under-test.ts';

const folder = temporaryFolder('embedding');
const EMBEDDING = pooledModel('embedding');

const never = () => new AbortController().signal;

async function vectorsOf(
  engine: Engine,
  inputs: readonly string[],
): Promise<readonly (readonly number[])[]> {
  return (await engine.embed({ inputs }, never())).vectors;
}

const without = ({ metadata, tensors }: GgufFile, key: string): GgufFile => ({
  metadata: new Map([...metadata].filter(([name]) => name !== key)),
  tensors,
});

async function loaded(file: string, overrides: Partial<EngineLoadSpec> = {}) {
  const engine = createLlamaEngine();
  const spec = { ...POOLED_SPEC, modelPath: file, ...overrides };
  const model = await engine.load(spec, () => undefined, never());
  return { engine, model };
}

describe('an encoder', () => {
  let engine: Engine;
  beforeAll(async () => {
    ({ engine } = await loaded(EMBEDDING));
  });
  afterAll(() => engine.close(0));

  const WORDS = 'house sea ship desk lamp river stone bird tree fox dog cat red blue green'.split(
    ' ',
  );

  test('puts texts that share words closer than texts that share none', async () => {
    const texts = fc.shuffledSubarray(WORDS, { minLength: 12, maxLength: 12 });

    await fc.assert(
      fc.asyncProperty(texts, async (words) => {
        const [shared, own, near, far] = [0, 3, 6, 9].map((from) => words.slice(from, from + 3));
        const sentences = [shared?.concat(own ?? []), shared?.concat(near ?? []), far];

        const [text = [], sharing = [], other = []] = await vectorsOf(
          engine,
          sentences.map((sentence) => (sentence ?? []).join(' ')),
        );

        expect(cosine(text, sharing)).toBeGreaterThan(cosine(text, other));
      }),
      { numRuns: 50, seed: 11 },
    );
  });

  test('wraps inputs in [CLS] and [SEP] and counts them', async () => {
    const tokens = await engine.tokenize('the old ship', { addSpecial: true, parseSpecial: false });

    const { promptTokens } = await engine.embed({ inputs: ['the old ship'] }, never());

    expect(await engine.detokenize(tokens)).toBe('[CLS] the old ship[SEP]');
    expect(promptTokens).toBe(5);
  });

  test('treats special tokens in a text as text', async () => {
    const { promptTokens } = await engine.embed({ inputs: ['[SEP]'] }, never());

    expect(promptTokens).toBeGreaterThan(3);
  });

  test('limits its context to the number of its positions', async () => {
    const { engine: large, model } = await loaded(EMBEDDING, { contextLength: 4096 });

    const tooLong = large.embed({ inputs: [Array.from({ length: 513 }, () => 7)] }, never());

    expect(model.limits).toMatchObject({ contextTokens: 512, trainedContextTokens: 512 });
    await expect(tooLong).rejects.toMatchObject({ code: 'context_length_exceeded' });
    await large.embed({ inputs: [Array.from({ length: 512 }, () => 7)] }, never());
    await large.close(0);
  });

  test('does not let a list of 2,000 texts delay a single text', async () => {
    const before = (await engine.stats()).batchSizes['1'] ?? 0;
    const abort = new AbortController();
    const inputs = Array.from({ length: 2000 }, (_, index) => `stone ${index}`);
    const long = engine.embed({ inputs }, abort.signal);
    while ((await engine.stats()).busySlots === 0)
      await new Promise((resolve) => setImmediate(resolve));

    await engine.embed({ inputs: ['red'] }, never());

    const stats = await engine.stats();
    // The current step, its own, and one that the loop started meanwhile.
    expect((stats.batchSizes['1'] ?? 0) - before).toBeLessThan(100);
    expect(stats).toMatchObject({ busySlots: 1, runnableSlots: 1, queueDepth: 0 });
    abort.abort();
    await expect(long).rejects.toMatchObject({ code: 'client_closed_request' });
  });
});

describe('a causal model that embeds', () => {
  test('gives an input longer than a batch the same vector as in one decode', async () => {
    const tokens = Array.from({ length: 1200 }, (_, index) => 100 + ((index * 37) % 1000));
    const engine = await loadPooledModel('qwenEmbedding', { contextLength: 2048 });

    const [inParts = []] = (await engine.embed({ inputs: [tokens] }, never())).vectors;

    expect((await engine.stats()).batchSizes).toEqual({ 1: 10 });
    await engine.close(0);
    expect(cosine(inParts, await decodedWhole(tokens))).toBeGreaterThan(0.9999);
  });

  test('ends inputs with the EOS that it was trained with', async () => {
    const engine = await loadPooledModel('qwenEmbedding');

    const tokens = await engine.tokenize('the ship', { addSpecial: true, parseSpecial: false });

    expect(await engine.detokenize(tokens)).toBe('the ship<|im_end|>');
    await engine.close(0);
  });
});

describe('a text of millions of characters', () => {
  test.each([
    ['embedding', 'the sea '],
    ['embedding', 'x'],
    ['qwenEmbedding', 'the sea '],
    ['qwenEmbedding', 'x'],
  ] as const)('is refused by %s before it is completely tokenized: %j', async (name, text) => {
    const engine = await loadPooledModel(name);

    const inputs = ['red', text.repeat(5_000_000 / text.length)];
    const refused = await engine.embed({ inputs }, never()).catch((error: unknown) => error);

    expect(refused).toMatchObject({
      code: 'context_length_exceeded',
      message: expect.stringContaining('"input[1]" has more than'),
      details: { param: 'input[1]' },
    });
    expect((await engine.stats()).batchSizes).toEqual({});
    await engine.close(0);
  });

  test('is embedded if it has few tokens', async () => {
    const engine = await loadPooledModel('embedding');

    const inputs = [`${' '.repeat(1_000_000)}red${' '.repeat(1_000_000)}`, 'red'];
    const [spaced, red] = await vectorsOf(engine, inputs);

    expect(cosine(spaced ?? [], red ?? [])).toBeCloseTo(1, 4);
    await engine.close(0);
  });
});

describe('close during tokenization', () => {
  const inputs = Array.from({ length: 3000 }, (_, index) => `the old ship ${index} `.repeat(20));

  test.each([
    [0, { code: 'shutting_down' }],
    [60_000, { promptTokens: expect.any(Number) }],
  ])('ends the request within %d ms of grace with %j', async (graceMs, end) => {
    const engine = await loadPooledModel('qwenEmbedding');
    const request = engine
      .embed({ inputs: graceMs === 0 ? inputs : inputs.slice(0, 100) }, never())
      .catch((error: unknown) => error);

    await engine.close(graceMs);

    expect(await request).toMatchObject(end);
  });
});

describe('dimensions', () => {
  test('is refused for a model that is not known to support it', async () => {
    const engine = await loadPooledModel('embedding');

    const fewer = engine.embed({ inputs: ['red'], dimensions: 32 }, never());

    await expect(fewer).rejects.toMatchObject({ code: 'unsupported_parameter' });
    await engine.close(0);
  });

  test('is accepted if the name in the catalogue is known to support it', async () => {
    const engine = await loadPooledModel('embedding', {
      modelId: 'nomic-ai/nomic-embed-text-v1.5',
    });

    const [vector = []] = (await engine.embed({ inputs: ['red'], dimensions: 32 }, never()))
      .vectors;

    expect(vector.length).toBe(32);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    await engine.close(0);
  });
});

describe('the purpose of a file', () => {
  test('is an error that names the key for an encoder without a pooling type', async () => {
    const path = writeModel(
      without(embeddingModel(), 'bert.pooling_type'),
      folder,
      'no-pooling.gguf',
    );

    await expect(loaded(path)).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining('no-pooling.gguf: the file is an encoder (bert) without'),
    });
  });

  test('is ranking for a file without a pooling type but with a ranking head', async () => {
    const path = writeModel(without(rankModel(), 'bert.pooling_type'), folder, 'old-rank.gguf');

    const { engine, model } = await loaded(path);

    expect(model.capabilities).toContain('rerank');
    const { scores } = await engine.rerank({ query: 'red', documents: ['red', 'sea'] }, never());
    expect(new Set(scores).size).toBe(2);
    await engine.close(0);
  });

  test.each([
    [{ draft: { kind: 'lookup' } as const }, 'speculative decoding'],
    [{ lora: [{ path: pooledModel('rank'), scale: 1 }] }, 'a LoRA adapter'],
  ])('decides that %j is refused for an embedding model', async (settings, what) => {
    const load = loaded(EMBEDDING, settings);

    await expect(load).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining(what),
    });
  });

  test('is part of the memory estimate, with the large batch of an encoder', async () => {
    const layers = {
      name: 'wide',
      pooling: 'mean',
      contextTokens: 4096,
      layerScale: 0.01,
    } as const;
    const modelPath = writeModel(tinyBert(layers), folder, 'wide.gguf');
    const spec = { ...POOLED_SPEC, modelPath, contextLength: 4096 };
    const estimating = createLlamaEngine();

    const estimate = await estimating.estimate(spec, {});
    const { engine, model } = await loaded(modelPath, spec);

    expect(model.memory.ramMib).toBeGreaterThan(20);
    expect(estimate.ramMib).toBeGreaterThanOrEqual(model.memory.ramMib - 2);
    expect(estimate.ramMib).toBeLessThanOrEqual(model.memory.ramMib * 1.4 + 2);
    await Promise.all([engine.close(0), estimating.close(0)]);
  });

  test('does not matter when only the vocabulary is loaded: embed is refused', async () => {
    const { engine, model } = await loaded(EMBEDDING, { vocabOnly: true });

    expect(model.capabilities).toEqual(['tokenizer']);
    await expect(engine.embed({ inputs: ['red'] }, never())).rejects.toMatchObject({
      code: 'model_not_loaded',
    });
    await engine.close(0);
  });
});

/** The normalised vector of `tokens` in one batch, directly from the library. */
async function decodedWhole(tokens: readonly number[]): Promise<number[]> {
  const library = await openLibrary({ backend: 'cpu', threads: 1, log: () => undefined });
  const path = pooledModel('qwenEmbedding');
  const model = await library.loadModel({
    path,
    gpuLayers: 0,
    vocabOnly: false,
    loadMode: 'read',
    signal: never(),
    onProgress: () => undefined,
  });
  const size = { slots: 1, contextTokens: 2048, batchTokens: 2048, threads: 1 };
  const context = await model.createContext({
    ...size,
    kvType: 'f16',
    isBatchInvariant: true,
    pooled: 'embedding',
  });
  context.native.initBatch(tokens.length);
  const all = Uint32Array.from(tokens);
  context.native.addToBatch(
    0,
    0,
    all,
    all.map((_, index) => index),
  );
  await context.native.decodeBatch();
  const vector = Array.from(context.native.getEmbedding(tokens.length, 0));
  await context.dispose();
  await model.dispose();
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

test('the model files of the test equal the output of the builder', async () => {
  const { metadata } = await readGguf(new Uint8Array(readFileSync(EMBEDDING)));

  expect(metadata.get('bert.pooling_type')).toEqual({ type: 'u32', value: 1 });
});
