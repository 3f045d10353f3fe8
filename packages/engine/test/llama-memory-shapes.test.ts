import { readFileSync } from 'node:fs';

import { type GgufFile, u32 } from '@cortex/testkit/gguf/gguf-file';
import { writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import {
  tinyDeepSeek2,
  tinyGptOss,
  tinyQwen3Moe,
  tinyQwen3Next,
} from '@cortex/testkit/gguf/tiny-experts';
import { tinyGemma } from '@cortex/testkit/gguf/tiny-gemma';
import { tinyLlama } from '@cortex/testkit/gguf/tiny-llama';
import { tinyJamba, tinyLfm2, tinyMamba } from '@cortex/testkit/gguf/tiny-recurrent';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import type { EngineLoadSpec } from '../src/engine/load.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { answer, TINY_MODEL, TINY_SPEC } from './llama-under-test.ts';

/** So long that cells, and not weights or buffers, decide the memory of these models. */
const CONTEXT_TOKENS = 131_072;
const WINDOW_TOKENS = 512;

/** MiB per 1,000 tokens of one layer of the tiny models: a key and a value of 32 numbers of 16 bits. */
const LAYER_MIB = (2 * 32 * 2 * 1000) / 2 ** 20;

/** What else grows: the mask of the attention has 16 bits for each token of a batch of 128. */
const MASK_MIB = (128 * 2 * 1000) / 2 ** 20;

const tokenizer = await readGguf(readFileSync(TINY_MODEL));

/** Name, file, and the layers whose memory grows with the context. */
const SHAPES: readonly (readonly [string, GgufFile, number])[] = [
  ['dense (Llama)', tinyLlama(tokenizer), 2],
  ['experts (Qwen3 MoE)', tinyQwen3Moe(tokenizer), 2],
  // One vector of 24 numbers for keys and values of all heads, where the others have 64 numbers.
  ['latent attention (DeepSeek 2)', tinyDeepSeek2(tokenizer), (2 * 24) / 64],
  ['a sliding window (Gemma 3)', tinyGemma(tokenizer, WINDOW_TOKENS), 1],
  ['experts and a sliding window (gpt-oss)', tinyGptOss(tokenizer, WINDOW_TOKENS), 1],
  ['convolution and attention (LFM2)', tinyLfm2(tokenizer), 1],
  ['linear and full attention with experts (Qwen3-Next)', tinyQwen3Next(tokenizer), 1],
  ['recurrent state and attention (Jamba)', tinyJamba(tokenizer), 1],
  ['recurrent state alone (Mamba)', tinyMamba(tokenizer), 0],
];

const withLongContext = (file: GgufFile): GgufFile => {
  const architecture = file.metadata.get('general.architecture');
  const name = architecture?.type === 'string' ? String(architecture.value) : '';
  const metadata = new Map(file.metadata).set(`${name}.context_length`, u32(CONTEXT_TOKENS));
  return { ...file, metadata };
};

const specOf = (file: GgufFile): EngineLoadSpec => ({
  ...TINY_SPEC,
  modelPath: writeModel(withLongContext(file), temporaryFolder('shapes'), 'model.gguf'),
  isBatchInvariant: false,
  contextLength: CONTEXT_TOKENS,
  slots: 2,
});

describe.each(SHAPES)('the memory of a model with %s', (_name, file, layers) => {
  test('is estimated from the header as its load takes it, and the model answers', async () => {
    const spec = specOf(file);
    const probe = createLlamaEngine();
    const engine = createLlamaEngine();
    try {
      const estimate = await probe.estimate(spec, {});
      const { memory } = await engine.load(spec, () => undefined, new AbortController().signal);
      const { last } = await answer(
        engine,
        { prompt: 'cortex', max_tokens: 4, ignore_eos: true },
        'completions',
      );

      expect(estimate.ramMib).toBeGreaterThanOrEqual(memory.ramMib - 1);
      // The weights of these models are small, so there is hardly anything that a CPU could repack.
      expect(estimate.ramMib).toBeLessThanOrEqual(memory.ramMib + 3);
      expect(last.type === 'done' && last.usage.completionTokens).toBe(4);
    } finally {
      await probe.close(0);
      await engine.close(0);
    }
  });

  test('grows with the context by the layers that keep it', async () => {
    const engine = createLlamaEngine();
    try {
      const { kvMibPer1kTokens } = await engine.estimate(specOf(file), {});

      const expectedMib = layers * LAYER_MIB + (layers > 0 ? MASK_MIB : 0);
      expect(Math.abs(kvMibPer1kTokens - expectedMib)).toBeLessThan(0.01);
    } finally {
      await engine.close(0);
    }
  });
});
