/** What a sequence of cells can be cut back to. */
export interface Cut {
  /**
   * Position of the first cell that the library still holds whole; below 0 where the sequence is empty.
   *
   * Above 0 a sliding window or attention in chunks has moved on; recurrent state stands at the last position.
   */
  readonly minPosition: number;
  /** Reach of the sliding window as the file names it; undefined where it names none, which proves nothing. */
  readonly windowTokens: number | undefined;
  /** Lengths that a checkpoint restores, in any order. */
  readonly checkpoints: readonly number[];
}

export type Reuse =
  /** All cells, or the first `length` of them after a cut. */
  | { readonly kind: 'cells'; readonly length: number }
  /** The first `length`, restored from the checkpoint taken there. */
  | { readonly kind: 'checkpoint'; readonly length: number }
  | { readonly kind: 'nothing'; readonly length: 0 };

const NOTHING: Reuse = { kind: 'nothing', length: 0 };

/**
 * The longest part of a sequence of `cells` that serves a prompt sharing the first `shared` of them.
 *
 * Where that is not all of them, the rest has to be cut off or a checkpoint has to be restored.
 */
export function longestReuse(
  { cells, shared }: { readonly cells: number; readonly shared: number },
  cut: Cut,
): Reuse {
  if (shared <= 0 || cells === 0 || cut.minPosition < 0) return NOTHING;
  if (shared >= cells) return { kind: 'cells', length: cells };
  if (isWholeAt(shared, cut)) return { kind: 'cells', length: shared };
  const length = Math.max(0, ...cut.checkpoints.filter((at) => at <= shared));
  return length > 0 ? { kind: 'checkpoint', length } : NOTHING;
}

/**
 * Whether a token at position `length` finds everything it attends to.
 *
 * Where the library has dropped cells, only a window that the file names can tell that the token would not look at them.
 * The token at `length` sees `windowTokens` back, itself included.
 */
export function isWholeAt(
  length: number,
  { minPosition, windowTokens }: Pick<Cut, 'minPosition' | 'windowTokens'>,
): boolean {
  if (minPosition <= 0) return minPosition === 0;
  if (windowTokens === undefined) return false;
  return minPosition <= length - windowTokens + 1;
}
