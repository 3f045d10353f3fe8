/** What a sequence of cells can be cut back to. */
export interface Cut {
  /** State that is no cells: nothing can be cut off its end. */
  readonly isRecurrent: boolean;
  /** How far the model's sliding window reaches back; undefined: it attends to everything. */
  readonly windowTokens: number | undefined;
  /** First position whose cell is still there; above 0 where a sliding window has moved on. */
  readonly minPosition: number;
  /** Lengths that a checkpoint brings back, in any order. */
  readonly checkpoints: readonly number[];
}

export type Reuse =
  /** All cells, or the first `length` of them after a cut. */
  | { readonly kind: 'cells'; readonly length: number }
  /** The first `length`, brought back by the checkpoint taken there. */
  | { readonly kind: 'checkpoint'; readonly length: number }
  | { readonly kind: 'nothing'; readonly length: 0 };

/**
 * The longest part of a sequence of `cells` that serves a prompt sharing the first `shared` of them.
 *
 * Where that is not all of them the rest has to be cut off, or a checkpoint brings an earlier state back.
 */
export function longestReuse(
  { cells, shared }: { readonly cells: number; readonly shared: number },
  cut: Cut,
): Reuse {
  if (shared <= 0 || cells === 0) return { kind: 'nothing', length: 0 };
  if (shared >= cells) return { kind: 'cells', length: cells };
  if (!cut.isRecurrent && isWindowWhole(shared, cut)) return { kind: 'cells', length: shared };
  const length = Math.max(0, ...cut.checkpoints.filter((at) => at <= shared));
  return length > 0 ? { kind: 'checkpoint', length } : { kind: 'nothing', length: 0 };
}

/** The token at `length` sees `windowTokens` back, itself counted. */
function isWindowWhole(length: number, { windowTokens, minPosition }: Cut): boolean {
  if (windowTokens === undefined) return true;
  return minPosition <= Math.max(0, length - windowTokens + 1);
}
