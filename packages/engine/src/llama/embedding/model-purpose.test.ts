import { expect, test } from 'bun:test';

import type { FileUse } from '../binding.ts';
import { isMatryoshka } from './matryoshka.ts';
import { purposeOf } from './model-purpose.ts';
import { type PooledUse, pooledSize } from './pooled-size.ts';

const file = (architecture: string, pooling?: FileUse['pooling']) => ({
  architecture,
  pooling,
  hasRankHead: false,
});

test.each([
  [file('llama'), 'generation'],
  [file('qwen3', 'none'), 'generation'],
  [file('dream'), 'generation'],
  [file('qwen3', 'last'), 'embedding'],
  [file('qwen3', 'rank'), 'rerank'],
  [file('bert', 'mean'), 'embedding'],
  [file('nomic-bert', 'cls'), 'embedding'],
  [file('bert', 'rank'), 'rerank'],
  [{ ...file('bert'), hasRankHead: true }, 'rerank'],
] as const)('%j is for %s', (facts, purpose) => {
  expect(purposeOf(facts)).toBe(purpose);
});

test('purposeOf refuses an encoder without a pooling type and names the key', () => {
  expect(() => purposeOf(file('modern-bert'))).toThrow('without modern-bert.pooling_type');
});

const model = (architecture: string, pooling: PooledUse['pooling']): PooledUse => ({
  architecture,
  pooling,
  isCausal: architecture === 'qwen3' || architecture === 'qwen2',
  trainedContextTokens: 2048,
});

test.each([
  // An encoder attends to the whole input, and has only the positions that it was trained with.
  [model('bert', 'mean'), { contextTokens: 2048, batchTokens: 2048 }],
  [model('bert', 'rank'), { contextTokens: 2048, batchTokens: 2048 }],
  [model('qwen3', 'last'), { contextTokens: 8192, batchTokens: 512 }],
  [model('qwen3', 'rank'), { contextTokens: 8192, batchTokens: 512 }],
  // The mean is over all tokens; other scores are read at the first token.
  [model('qwen2', 'mean'), { contextTokens: 8192, batchTokens: 8192 }],
  [model('qwen2', 'rank'), { contextTokens: 8192, batchTokens: 8192 }],
])('%j has a context of %j', (facts, size) => {
  expect(pooledSize(facts, { contextTokens: 8192, batchTokens: 512 })).toEqual(size);
});

test('the batch of a pooled context is never larger than the context', () => {
  const size = pooledSize(model('qwen3', 'last'), { contextTokens: 128, batchTokens: 512 });

  expect(size).toEqual({ contextTokens: 128, batchTokens: 128 });
});

test.each([
  [['Qwen/Qwen3-Embedding-0.6B'], true],
  [['nomic-embed-text-v1.5'], true],
  [['nomic-embed-text-v2-moe'], true],
  [['Embeddinggemma 300M'], true],
  [['mixedbread-ai/mxbai-embed-large-v1'], true],
  [['snowflake-arctic-embed-l-v2.0'], true],
  [['model', 'Qwen3 Embedding 4B'], true],
  [['nomic-embed-text-v1'], false],
  [['Qwen/Qwen3-8B'], false],
  [['BAAI/bge-m3'], false],
  [['snowflake-arctic-embed-l'], false],
  [[], false],
])('vectors of %j may be cut: %p', (names, isCut) => {
  expect(isMatryoshka(names)).toBe(isCut);
});
