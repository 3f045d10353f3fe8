/** The lengths to which a sequence of cells can be cut. */
export interface Cut {
  /**
   * Position of the first cell that the library still holds; below 0 if the sequence is empty.
   *
   * Above 0, a sliding window or chunked attention has dropped cells; recurrent state is at the last position.
   */
  readonly minPosition: number;
  /**
   * Size of the sliding window that the file declares. Undefined if it declares none; the model may have one all the
   * same.
   */
  readonly windowTokens: number | undefined;
  /** Lengths that checkpoints restore, in any order. */
  readonly checkpoints: readonly number[];
}

export type Reuse =
  /** All cells, or the first `length` of them after a cut. */
  | { readonly kind: 'cells'; readonly length: number }
  /** The first `length` cells, restored from a checkpoint. */
  | { readonly kind: 'checkpoint'; readonly length: number }
  | { readonly kind: 'nothing'; readonly length: 0 };

const NOTHING: Reuse = { kind: 'nothing', length: 0 };

/**
 * The longest prefix of `cells` that a prompt can reuse when it shares the first `shared` of them.
 *
 * If that is not the whole sequence, the rest has to be cut off or a checkpoint restored.
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
 * Whether all cells that a token at position `length` attends to are present.
 *
 * If the library has dropped cells, only a declared window shows that the token does not attend to them. The token at
 * `length` attends to `windowTokens` tokens, itself included.
 */
export function isWholeAt(
  length: number,
  { minPosition, windowTokens }: Pick<Cut, 'minPosition' | 'windowTokens'>,
): boolean {
  if (minPosition <= 0) return minPosition === 0;
  if (windowTokens === undefined) return false;
  return minPosition <= length - windowTokens + 1;
}
