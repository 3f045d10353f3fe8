import type { NativeContext, Token } from '../native-types.ts';
import type { Checkpoint, Checkpoints } from './checkpoints.ts';
import { longestReuse, type Reuse } from './reuse.ts';
import { sharedTokens, type Slot, type SlotCandidate } from './slots.ts';

/** The part of the context that holds the cells of the slots. */
export type CellContext = Pick<
  NativeContext,
  | 'removeTokenCellsFromSequence'
  | 'disposeSequence'
  | 'getSequenceKvCacheMinPosition'
  | 'copySequenceStateFromOtherSequence'
>;

export interface SlotCellsOptions {
  readonly context: CellContext;
  /** How far the model's sliding window reaches back; undefined: it attends to everything. */
  readonly windowTokens: number | undefined;
  /** Recurrent and hybrid models: nothing can be cut off the end of a sequence. */
  readonly isRecurrent: boolean;
  /** Where cells cannot be cut: what brings an earlier state back. */
  readonly checkpoints: Checkpoints | undefined;
}

/**
 * What a slot holds, cut, dropped and copied, with the library's cells and ours kept alike.
 *
 * Only between two decodes. Where cells cannot be cut (recurrent state, sliding windows that have moved on) the latest
 * checkpoint before that place is restored; without one the slot is lost.
 */
export class SlotCells {
  readonly #options: SlotCellsOptions;

  constructor(options: SlotCellsOptions) {
    this.#options = options;
  }

  /** Undefined where cells can be cut anywhere, so that there is nothing to take. */
  get checkpoints(): Checkpoints | undefined {
    return this.#options.checkpoints;
  }

  /** What the first `limit` tokens of `prompt` find in `slot`. */
  candidate(slot: Slot, prompt: ArrayLike<Token>, limit: number): SlotCandidate {
    const shared = sharedTokens(slot.cells, prompt);
    const usable = Math.min(shared, limit);
    const kept = this.#reuse(slot, usable).length;
    // Checkpoints do not go with a copy.
    const copied = this.#reuse(slot, usable, []).length;
    return { slot, shared, kept, copied };
  }

  /** How many of the `shared` first cells in a file would serve a prompt: what a sliding window has left is not in it. */
  reuseSaved(
    saved: { readonly tokens: Uint32Array; readonly checkpoints: readonly Checkpoint[] },
    shared: number,
  ): number {
    const { isRecurrent, windowTokens } = this.#options;
    const cells = saved.tokens.length;
    const minPosition = windowTokens === undefined ? 0 : Math.max(0, cells - windowTokens);
    const checkpoints = saved.checkpoints.map(({ length }) => length);
    const cut = { isRecurrent, windowTokens, minPosition, checkpoints };
    return longestReuse({ cells, shared }, cut).length;
  }

  /** Keeps at most the first `length` cells of `slot`: as many of them as the model's state can be brought back to. */
  async keep(slot: Slot, length: number): Promise<void> {
    const { context, checkpoints } = this.#options;
    const reuse = this.#reuse(slot, length);
    if (reuse.kind === 'cells' && reuse.length === slot.cells.length) return;
    const isKept =
      reuse.kind === 'checkpoint'
        ? await checkpoints?.restore(slot, reuse.length)
        : reuse.kind === 'cells' && context.removeTokenCellsFromSequence(slot.id, reuse.length, -1);
    if (isKept !== true) return this.drop(slot);
    slot.cells.length = reuse.length;
    checkpoints?.cut(slot, reuse.length);
  }

  drop(slot: Slot): void {
    this.#options.context.disposeSequence(slot.id);
    slot.cells.length = 0;
    this.#options.checkpoints?.cut(slot, 0);
  }

  /** `target` then holds what `source` holds, and nothing else. */
  async copy(source: Slot, target: Slot): Promise<void> {
    this.drop(target);
    await this.#options.context.copySequenceStateFromOtherSequence(target.id, source.id);
    for (const token of source.cells) target.cells.push(token);
  }

  #reuse(
    slot: Slot,
    shared: number,
    checkpoints: readonly Checkpoint[] = this.#options.checkpoints?.of(slot) ?? [],
  ): Reuse {
    const { isRecurrent, windowTokens, context } = this.#options;
    const isWindowed = windowTokens !== undefined && slot.cells.length > 0;
    return longestReuse(
      { cells: slot.cells.length, shared },
      {
        isRecurrent,
        windowTokens,
        minPosition: isWindowed ? context.getSequenceKvCacheMinPosition(slot.id) : 0,
        checkpoints: checkpoints.map((checkpoint) => checkpoint.length),
      },
    );
  }
}
