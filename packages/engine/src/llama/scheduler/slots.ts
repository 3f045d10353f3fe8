import type { Token } from '../native-types.ts';

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

/** Prompt tokens that a copy must save: below, decoding them costs no more than the copy's own step. */
const MIN_COPY_TOKENS = 64;

/** A copy moves all cells of its source through RAM; decoding a cell costs more than ten times as much as moving it. */
const CELLS_MOVED_PER_TOKEN_SAVED = 8;

/** What a slot loses may be asked for again, and is then decoded anew: so much loss a saved token is worth. */
const CELLS_LOST_PER_TOKEN_SAVED = 8;

interface Candidate {
  readonly slot: Slot;
  /** Tokens of the prompt that it holds. */
  readonly shared: number;
}

/**
 * The free slot for `prompt`: the one that holds the longest start of it, unless that costs a much longer conversation
 * for a few common words; then the one idle longest.
 */
export function chooseSlot(
  slots: readonly Slot[],
  prompt: ArrayLike<Token>,
): SlotChoice | undefined {
  const candidates = slots.map((slot) => ({ slot, shared: sharedPrefix(slot, prompt) }));
  const free = candidates.filter(({ slot }) => !slot.isBusy).toSorted(byIdleTime);
  const best = free.filter(isContinued).toSorted((a, b) => b.shared - a.shared)[0] ?? free[0];
  if (best === undefined) return undefined;
  const held = isContinued(best) ? best.shared : 0;
  const [source] = candidates
    .filter(({ slot, shared }) => slot.isBusy && isWorthCopying(slot, shared - held))
    .toSorted((a, b) => b.shared - a.shared);
  if (source === undefined) return { slot: best.slot, copyFrom: undefined };
  // What the best free slot holds is a part of what is copied, so the slot that loses least is the target.
  const [target = best] = free.toSorted((a, b) => a.slot.cells.length - b.slot.cells.length);
  return { slot: target.slot, copyFrom: source.slot };
}

const byIdleTime = (a: Candidate, b: Candidate): number => a.slot.lastUsedMs - b.slot.lastUsedMs;

const isContinued = ({ slot, shared }: Candidate): boolean =>
  slot.cells.length - shared < shared * CELLS_LOST_PER_TOKEN_SAVED;

const isWorthCopying = (source: Slot, savedTokens: number): boolean =>
  savedTokens >= MIN_COPY_TOKENS &&
  source.cells.length <= savedTokens * CELLS_MOVED_PER_TOKEN_SAVED;
