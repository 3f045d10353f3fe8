import type { NativeContext, Token } from '../native-types.ts';
import type { Checkpoint, Checkpoints } from './checkpoints.ts';
import { isWholeAt, longestReuse, type Reuse } from './reuse.ts';
import type { SlotCandidate } from './place.ts';
import { sharedTokens, type Slot } from './slots.ts';

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
  /** Reach of the sliding window as the file names it; undefined where it names none. */
  readonly windowTokens: number | undefined;
  /** Whether the file says that cells cannot be cut everywhere. Where it does not, the library may show so later. */
  readonly losesCells: boolean;
  /** Restore an earlier state where cells cannot be cut. */
  readonly checkpoints: Checkpoints;
}

/** Cells in a file, as far as a prompt may reuse them. */
export interface ReusableState {
  readonly cells: number;
  /** First position whose cell is in the file; see `Cut`. */
  readonly minPosition: number;
  readonly checkpoints: readonly Checkpoint[];
}

/**
 * Cuts, drops and copies the cells of slots, and keeps the tokens of each slot equal to what the library holds.
 *
 * Only between two decodes. Before any reuse it asks the library how far back the cells of the sequence reach: the
 * metadata of a file may not name a window, or a wrong one. Where cells cannot be cut, the latest checkpoint before that
 * place is restored; without one the slot is emptied.
 */
export class SlotCells {
  readonly #options: SlotCellsOptions;
  #losesCells: boolean;

  constructor(options: SlotCellsOptions) {
    this.#options = options;
    this.#losesCells = options.losesCells;
  }

  get checkpoints(): Checkpoints {
    return this.#options.checkpoints;
  }

  /** Whether checkpoints are worth taking: the file says so, or the library has dropped cells of a sequence. */
  get losesCells(): boolean {
    return this.#losesCells;
  }

  /** To be called after a decode with each slot that took part in it. */
  decoded(slot: Slot): void {
    this.#losesCells ||= this.#minPosition(slot) > 0;
  }

  /** What the first `limit` tokens of `prompt` find in `slot`. */
  candidate(slot: Slot, prompt: ArrayLike<Token>, limit: number): SlotCandidate {
    const shared = sharedTokens(slot.cells, prompt);
    const usable = Math.min(shared, limit);
    const kept = this.#reuse(slot, usable).length;
    const copied = this.reuseSaved(this.movedState(slot), usable);
    return { slot, shared, kept, copied };
  }

  /** What of `slot` would be in a file, or in another slot after a copy. Checkpoints stay behind. */
  movedState(slot: Slot): ReusableState {
    const { windowTokens } = this.#options;
    const cells = slot.cells.length;
    const minPosition = this.#minPosition(slot);
    // The library leaves out the cells that the window has passed.
    const movedMin =
      windowTokens === undefined ? minPosition : Math.max(minPosition, cells - windowTokens);
    return { cells, minPosition: movedMin, checkpoints: [] };
  }

  /** How many of the `shared` first cells of a saved or copied state would serve a prompt. */
  reuseSaved(state: ReusableState, shared: number): number {
    const { cells, minPosition } = state;
    const checkpoints = state.checkpoints.map(({ length }) => length);
    const { windowTokens } = this.#options;
    return longestReuse({ cells, shared }, { windowTokens, minPosition, checkpoints }).length;
  }

  /** Whether tokens decoded next in `slot` could be cut off again. */
  canUndo(slot: Slot): boolean {
    const { windowTokens } = this.#options;
    const minPosition = this.#minPosition(slot);
    return isWholeAt(slot.cells.length, { minPosition, windowTokens });
  }

  /** Keeps at most the first `length` cells of `slot`: as many of them as can be cut back to or restored. */
  async keep(slot: Slot, length: number): Promise<void> {
    const { context, checkpoints } = this.#options;
    const reuse = this.#reuse(slot, length);
    if (reuse.kind === 'cells' && reuse.length === slot.cells.length) return;
    const isKept =
      reuse.kind === 'checkpoint'
        ? await checkpoints.restore(slot, reuse.length)
        : reuse.kind === 'cells' && context.removeTokenCellsFromSequence(slot.id, reuse.length, -1);
    if (!isKept) return this.drop(slot);
    slot.cells.length = reuse.length;
    checkpoints.cut(slot, reuse.length);
  }

  drop(slot: Slot): void {
    this.#options.context.disposeSequence(slot.id);
    slot.cells.length = 0;
    this.#options.checkpoints.cut(slot, 0);
  }

  /** `target` then holds what `source` holds, and nothing else. @throws when the library did not copy it. */
  async copy(source: Slot, target: Slot): Promise<void> {
    const { context } = this.#options;
    this.drop(target);
    await context.copySequenceStateFromOtherSequence(target.id, source.id);
    if (source.cells.length > 0 && context.getSequenceKvCacheMinPosition(target.id) < 0)
      throw new Error(`the cells of sequence ${source.id} were not copied`);
    for (const token of source.cells) target.cells.push(token);
  }

  #minPosition(slot: Slot): number {
    if (slot.cells.length === 0) return -1;
    return this.#options.context.getSequenceKvCacheMinPosition(slot.id);
  }

  #reuse(slot: Slot, shared: number): Reuse {
    const { windowTokens, checkpoints } = this.#options;
    return longestReuse(
      { cells: slot.cells.length, shared },
      {
        windowTokens,
        minPosition: this.#minPosition(slot),
        checkpoints: checkpoints.of(slot).map(({ length }) => length),
      },
    );
  }
}
