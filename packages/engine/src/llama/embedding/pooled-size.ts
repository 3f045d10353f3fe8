import type { FileUse } from '../binding.ts';
import { isEncoder } from './model-purpose.ts';

/** What the size of a pooled context depends on. */
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
 * An encoder has positions for what it was trained for and none behind that: reading on would end the process.
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

/** Whether an input may be decoded in parts: each token sees only earlier ones, and the last one's vector is the result. */
function isDivisible({ architecture, pooling, isCausal }: PooledUse): boolean {
  if (!isCausal || isEncoder(architecture)) return false;
  return pooling === 'last' || (pooling === 'rank' && RANKED_AT_LAST.has(architecture));
}

/** The library turns the scores of these into probabilities itself; those of others are logits. */
export const isScoreNormalised = (architecture: string): boolean =>
  RANKED_AT_LAST.has(architecture);
