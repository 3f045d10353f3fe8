import { CortexError } from '@cortex/protocol';

import type { FileUse } from '../binding.ts';

/** What a file is for: writing text, vectors of texts, or scores of documents. */
export type ModelPurpose = 'generation' | 'embedding' | 'rerank';

/** Architectures without a way to write text. (`attention.causal` alone does not tell: diffusion models write too.) */
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
 * What a file is for.
 *
 * Converters write a pooling type for models that embed or rank, whatever their architecture, and none for generators.
 *
 * @throws CortexError `model_load_failed` for an encoder that does not say how its token vectors become one.
 */
export function purposeOf({
  architecture,
  pooling,
  hasRankHead,
}: Pick<FileUse, 'architecture' | 'pooling' | 'hasRankHead'>): ModelPurpose {
  if (pooling === 'rank') return 'rerank';
  if (pooling !== undefined && pooling !== 'none') return 'embedding';
  if (!isEncoder(architecture)) return 'generation';
  // Files of rerankers that were converted before pooling types were written.
  if (hasRankHead) return 'rerank';
  throw new CortexError(
    'model_load_failed',
    `the file is an encoder (${architecture}) without ${architecture}.pooling_type, so its token vectors cannot be pooled`,
  );
}
