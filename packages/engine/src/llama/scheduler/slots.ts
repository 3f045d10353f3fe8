import type { Token } from '../binding.ts';

/** One sequence of the context: the tokens whose KV cells it holds. */
export interface Slot {
  readonly id: number;
  readonly cells: Token[];
  /** Monotonic; of two equally fitting free slots the one idle longest is taken. */
  lastUsedMs: number;
  isBusy: boolean;
}

export const createSlots = (count: number): Slot[] =>
  Array.from({ length: count }, (_, id) => ({ id, cells: [], lastUsedMs: 0, isBusy: false }));

/** How many tokens at the start of `prompt` are in the cells of `slot`. */
export function sharedPrefix(slot: Slot, prompt: ArrayLike<Token>): number {
  const end = Math.min(slot.cells.length, prompt.length);
  let at = 0;
  while (at < end && slot.cells[at] === prompt[at]) at++;
  return at;
}

export interface SlotChoice {
  readonly slot: Slot;
  /** Another slot that holds more of the prompt: its cells are copied. */
  readonly copyFrom: Slot | undefined;
}

/**
 * The free slot that holds the longest start of `prompt`, the one idle longest where several hold as much.
 *
 * @param minCopyTokens - How many more tokens another slot must hold for a copy to pay.
 */
export function chooseSlot(
  slots: readonly Slot[],
  prompt: ArrayLike<Token>,
  minCopyTokens: number,
): SlotChoice | undefined {
  const free = slots
    .filter((slot) => !slot.isBusy)
    .map((slot) => ({ slot, shared: sharedPrefix(slot, prompt) }));
  const [best] = free.toSorted(
    (a, b) => b.shared - a.shared || a.slot.lastUsedMs - b.slot.lastUsedMs,
  );
  if (best === undefined) return undefined;
  const others = slots
    .filter((slot) => slot !== best.slot)
    .map((slot) => ({ slot, shared: sharedPrefix(slot, prompt) }));
  const source = others.find((other) => other.shared >= best.shared + minCopyTokens);
  if (source === undefined) return { slot: best.slot, copyFrom: undefined };
  // What the best free slot holds is a part of what is copied, so the slot that loses least is the target.
  const target = free.toSorted(
    (a, b) => a.slot.cells.length - b.slot.cells.length || a.slot.lastUsedMs - b.slot.lastUsedMs,
  )[0];
  return { slot: target?.slot ?? best.slot, copyFrom: source.slot };
}
