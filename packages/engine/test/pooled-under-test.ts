import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  asEmbeddingModel,
  asRankModel,
  embeddingModel,
  rankModel,
  writeModel,
} from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';

import type { Engine, EngineLoadSpec } from '../src/engine.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { TINY_MODEL, TINY_SPEC } from './llama-under-test.ts';

const folder = mkdtempSync(join(tmpdir(), 'cortex-pooled-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const generator = readGguf(new Uint8Array(readFileSync(TINY_MODEL)));

/** Small models that embed or rank, written when the test process starts. */
export const POOLED_MODELS = {
  /** BERT, WordPiece, mean of all tokens, 512 tokens. */
  embedding: writeModel(embeddingModel(), folder, 'tiny-embedding.gguf'),
  /** BERT with a head that ranks. */
  rank: writeModel(rankModel(), folder, 'tiny-rank.gguf'),
  /** cortex-tiny as Qwen3-Embedding is made: causal, the last token's vector, an EOS behind each input. */
  qwenEmbedding: writeModel(asEmbeddingModel(generator), folder, 'qwen-embedding.gguf'),
  /** cortex-tiny as Qwen3-Reranker is made: causal, with a template for query and document. */
  qwenRank: writeModel(asRankModel(generator), folder, 'qwen-rank.gguf'),
} as const;

export const POOLED_SPEC: EngineLoadSpec = {
  ...TINY_SPEC,
  modelId: 'tiny-embedding',
  modelPath: POOLED_MODELS.embedding,
  contextLength: 'auto',
};

/** A llama engine with one of these models. */
export async function loadPooledModel(
  model: keyof typeof POOLED_MODELS,
  overrides: Partial<EngineLoadSpec> = {},
): Promise<Engine> {
  const engine = createLlamaEngine();
  const spec = { ...POOLED_SPEC, modelId: model, modelPath: POOLED_MODELS[model], ...overrides };
  await engine.load(spec, () => undefined, new AbortController().signal);
  return engine;
}

/** The cosine of the angle between two vectors of length 1. */
export const cosine = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
