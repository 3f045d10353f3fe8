import { readFileSync } from 'node:fs';

import {
  asEmbeddingModel,
  asRankModel,
  embeddingModel,
  rankModel,
  writeModel,
} from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import type { Engine } from '../src/engine/engine.ts';
import type { EngineLoadSpec } from '../src/engine/load.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { TINY_MODEL, TINY_SPEC } from './llama-under-test.ts';

const generator = await readGguf(new Uint8Array(readFileSync(TINY_MODEL)));

/** Small models that embed or rank. */
const POOLED_MODELS = {
  /** BERT, WordPiece, mean of all tokens, 512 tokens. */
  embedding: () => embeddingModel(),
  /** BERT with a ranking head. */
  rank: rankModel,
  /** cortex-tiny built like Qwen3-Embedding: causal, the last token's vector, an EOS after each input. */
  qwenEmbedding: () => asEmbeddingModel(generator),
  /** cortex-tiny built like Qwen3-Reranker: causal, with a template for query and document. */
  qwenRank: () => asRankModel(generator),
} as const;

/** Path of such a model, in its own file, which is removed with its `temporaryFolder`. */
export const pooledModel = (model: keyof typeof POOLED_MODELS): string =>
  writeModel(POOLED_MODELS[model](), temporaryFolder('pooled'), `tiny-${model}.gguf`);

export const POOLED_SPEC: EngineLoadSpec = {
  ...TINY_SPEC,
  modelId: 'tiny-embedding',
  contextLength: 'auto',
};

/** A llama engine with one of these models. */
export async function loadPooledModel(
  model: keyof typeof POOLED_MODELS,
  overrides: Partial<EngineLoadSpec> = {},
): Promise<Engine> {
  const engine = createLlamaEngine();
  const spec = { ...POOLED_SPEC, modelId: model, modelPath: pooledModel(model), ...overrides };
  await engine.load(spec, () => undefined, new AbortController().signal);
  return engine;
}

/** The cosine of the angle between two vectors of length 1. */
export const cosine = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
