import type { FileUse } from '../binding.ts';
import { isEncoder } from './model-purpose.ts';

/** The properties that decide the size of a pooled context. */
export type PooledUse = Omit<FileUse, 'hasRankHead'>;

/** Tokens of the longest input, and of one decode. */
export interface PooledSize {
  readonly contextTokens: number;
  readonly batchTokens: number;
}

/** Architectures whose rank score is read at the last token. */
const RANKED_AT_LAST: ReadonlySet<string> = new Set(['qwen3', 'qwen3vl']);

/**
 * The context for inputs of up to `wantedTokens`.
 *
 * An encoder has only the positions that it was trained with. Decoding beyond them would abort the process.
 */
export function pooledSize(
  use: PooledUse,
  wanted: { readonly contextTokens: number; readonly batchTokens: number },
): PooledSize {
  const contextTokens = isEncoder(use.architecture)
    ? Math.min(wanted.contextTokens, use.trainedContextTokens ?? Infinity)
    : wanted.contextTokens;
  return {
    contextTokens,
    batchTokens: isDivisible(use) ? Math.min(wanted.batchTokens, contextTokens) : contextTokens,
  };
}

/**
 * Whether an input may be decoded in parts: each token attends only to earlier ones, and the last token's vector is the
 * result.
 */
function isDivisible({ architecture, pooling, isCausal }: PooledUse): boolean {
  if (!isCausal || isEncoder(architecture)) return false;
  return pooling === 'last' || (pooling === 'rank' && RANKED_AT_LAST.has(architecture));
}

/** Architectures whose scores the library converts to probabilities. Other scores are logits. */
export const isScoreNormalised = (architecture: string): boolean =>
  RANKED_AT_LAST.has(architecture);
