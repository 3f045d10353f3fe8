import { CortexError } from '@cortex/protocol';

import type { FileUse } from '../binding.ts';

/** Purpose of a file: text generation, embeddings, or rank scores. */
export type ModelPurpose = 'generation' | 'embedding' | 'rerank';

/** Architectures that cannot generate text. (`attention.causal` is not sufficient: diffusion models generate too.) */
const ENCODERS: ReadonlySet<string> = new Set([
  'bert',
  'modern-bert',
  'nomic-bert',
  'nomic-bert-moe',
  'neo-bert',
  'jina-bert-v2',
  'jina-bert-v3',
  'eurobert',
  'gemma-embedding',
  'llama-embed',
  't5encoder',
]);

export const isEncoder = (architecture: string): boolean => ENCODERS.has(architecture);

/**
 * The purpose of a file.
 *
 * Converters write a pooling type for models that embed or rank, of any architecture, and none for models that
 * generate.
 *
 * @throws CortexError `model_load_failed` for an encoder without a pooling type.
 */
export function purposeOf({
  architecture,
  pooling,
  hasRankHead,
}: Pick<FileUse, 'architecture' | 'pooling' | 'hasRankHead'>): ModelPurpose {
  if (pooling === 'rank') return 'rerank';
  if (pooling !== undefined && pooling !== 'none') return 'embedding';
  if (!isEncoder(architecture)) return 'generation';
  // Rerankers that were converted before converters wrote pooling types.
  if (hasRankHead) return 'rerank';
  throw new CortexError(
    'model_load_failed',
    `the file is an encoder (${architecture}) without ${architecture}.pooling_type, so its token vectors cannot be pooled`,
  );
}
