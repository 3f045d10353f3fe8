import type { Token } from '../native-types.ts';

/** One sequence of the context, with the tokens of its KV cells. */
export interface Slot {
  readonly id: number;
  readonly cells: Token[];
  /** Monotonic. */
  lastUsedMs: number;
  isBusy: boolean;
}

export const createSlots = (count: number): Slot[] =>
  Array.from({ length: count }, (_, id) => ({ id, cells: [], lastUsedMs: 0, isBusy: false }));

/** The length of the common prefix of two token lists. */
export function sharedTokens(a: ArrayLike<Token>, b: ArrayLike<Token>): number {
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a[at] === b[at]) at++;
  return at;
}

/** Free slots for the further choices of a request, which get a copy of its prompt: the longest idle ones. */
export const chooseIdle = (slots: readonly Slot[], count: number): Slot[] =>
  slots
    .filter((slot) => !slot.isBusy)
    .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)
    .slice(0, count);
