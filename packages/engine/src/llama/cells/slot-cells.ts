import type { NativeContext, Token } from '../native-types.ts';
import type { Checkpoint, Checkpoints } from './checkpoints.ts';
import { isWholeAt, longestReuse, type Reuse } from './reuse.ts';
import type { SlotCandidate } from './place.ts';
import { sharedTokens, type Slot } from './slots.ts';

/** The context's functions for the cells of slots. */
export type CellContext = Pick<
  NativeContext,
  | 'removeTokenCellsFromSequence'
  | 'disposeSequence'
  | 'getSequenceKvCacheMinPosition'
  | 'copySequenceStateFromOtherSequence'
>;

export interface SlotCellsOptions {
  readonly context: CellContext;
  /** Size of the sliding window that the file declares; undefined if it declares none. */
  readonly windowTokens: number | undefined;
  /**
   * Whether the file declares that cells cannot be cut everywhere. If it does not, the library may still drop cells
   * later.
   */
  readonly losesCells: boolean;
  /** Earlier states, for cells that cannot be cut. */
  readonly checkpoints: Checkpoints;
}

/** Cells in a file that a prompt may reuse. */
export interface ReusableState {
  readonly cells: number;
  /** First position whose cell is in the file; see `Cut`. */
  readonly minPosition: number;
  readonly checkpoints: readonly Checkpoint[];
}

/**
 * Cuts, drops and copies the cells of slots, and keeps the recorded tokens of each slot equal to the library's cells.
 *
 * Call it only between two decodes. Before any reuse it asks the library for the first cell of the sequence, because a
 * file may declare no window or a wrong one. Where cells cannot be cut, the latest checkpoint before that position is
 * restored; without one, the slot is emptied.
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

  /** Whether checkpoints are needed: the file declares it, or the library has dropped cells of a sequence. */
  get losesCells(): boolean {
    return this.#losesCells;
  }

  /** Call it after a decode with each slot in the batch. */
  decoded(slot: Slot): void {
    this.#losesCells ||= this.#minPosition(slot) > 0;
  }

  /** The cells of `slot` that the first `limit` tokens of `prompt` can reuse. */
  candidate(slot: Slot, prompt: ArrayLike<Token>, limit: number): SlotCandidate {
    const shared = sharedTokens(slot.cells, prompt);
    const usable = Math.min(shared, limit);
    const kept = this.#reuse(slot, usable).length;
    const copied = this.reuseSaved(this.movedState(slot), usable);
    return { slot, shared, kept, copied };
  }

  /** The cells of `slot` as they would be in a file, or in another slot after a copy. Checkpoints are not included. */
  movedState(slot: Slot): ReusableState {
    const { windowTokens } = this.#options;
    const cells = slot.cells.length;
    const minPosition = this.#minPosition(slot);
    // The library omits the cells that the window has dropped.
    const movedMin =
      windowTokens === undefined ? minPosition : Math.max(minPosition, cells - windowTokens);
    return { cells, minPosition: movedMin, checkpoints: [] };
  }

  /** How many of the first `shared` cells of a saved or copied state a prompt could reuse. */
  reuseSaved(state: ReusableState, shared: number): number {
    const { cells, minPosition } = state;
    const checkpoints = state.checkpoints.map(({ length }) => length);
    const { windowTokens } = this.#options;
    return longestReuse({ cells, shared }, { windowTokens, minPosition, checkpoints }).length;
  }

  /** Whether the tokens decoded next in `slot` can be cut off again. */
  canUndo(slot: Slot): boolean {
    const { windowTokens } = this.#options;
    const minPosition = this.#minPosition(slot);
    return isWholeAt(slot.cells.length, { minPosition, windowTokens });
  }

  /** Keeps at most the first `length` cells of `slot`: as many as a cut or a checkpoint allows. */
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

  /** Replaces the cells of `target` with those of `source`. @throws if the library did not copy them. */
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
