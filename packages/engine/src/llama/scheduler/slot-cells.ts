import type { NativeContext } from '../native-types.ts';
import type { Slot } from './slots.ts';

/** The part of the context that holds the cells of the slots. */
export type CellContext = Pick<
  NativeContext,
  | 'removeTokenCellsFromSequence'
  | 'disposeSequence'
  | 'getSequenceKvCacheMinPosition'
  | 'copySequenceStateFromOtherSequence'
>;

/**
 * What a slot holds, cut, dropped and copied, with the library's cells and ours kept alike.
 *
 * Only between two decodes. Models whose state cannot be cut (recurrent ones, sliding windows that have moved on) lose
 * the whole slot; a checkpoint of such a state would be restored here.
 */
export class SlotCells {
  readonly #context: CellContext;
  readonly #windowTokens: number | undefined;

  /** @param windowTokens - How far the model's sliding window reaches back; undefined: it attends to everything. */
  constructor(context: CellContext, windowTokens: number | undefined) {
    this.#context = context;
    this.#windowTokens = windowTokens;
  }

  /** Keeps the first `length` cells of `slot`, or none where the model's state cannot be cut there. */
  keep(slot: Slot, length: number): void {
    if (slot.cells.length <= length) return;
    const isCut =
      length > 0 &&
      this.#isWindowWhole(slot, length) &&
      this.#context.removeTokenCellsFromSequence(slot.id, length, -1);
    if (isCut) slot.cells.length = length;
    else this.drop(slot);
  }

  drop(slot: Slot): void {
    this.#context.disposeSequence(slot.id);
    slot.cells.length = 0;
  }

  /** `target` then holds what `source` holds, and nothing else. */
  async copy(source: Slot, target: Slot): Promise<void> {
    this.drop(target);
    await this.#context.copySequenceStateFromOtherSequence(target.id, source.id);
    for (const token of source.cells) target.cells.push(token);
  }

  /** The next token sees `windowTokens` back: cells before that were dropped while the sequence went on. */
  #isWindowWhole(slot: Slot, length: number): boolean {
    if (this.#windowTokens === undefined) return true;
    const firstNeeded = Math.max(0, length - this.#windowTokens);
    return this.#context.getSequenceKvCacheMinPosition(slot.id) <= firstNeeded;
  }
}
