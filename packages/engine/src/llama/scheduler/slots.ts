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

/** How many tokens two texts begin with alike. */
export function sharedTokens(a: ArrayLike<Token>, b: ArrayLike<Token>): number {
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a[at] === b[at]) at++;
  return at;
}

/** A slot as one prompt sees it. */
export interface SlotCandidate {
  readonly slot: Slot;
  /** Tokens of the prompt that its cells begin with. */
  readonly shared: number;
  /** Of these, what can serve the prompt in this slot; fewer where cells cannot be cut. */
  readonly kept: number;
  /** Of these, what can serve it after a copy to another slot. */
  readonly copied: number;
}

/** Where a prompt goes, and what of it is there already. */
export interface Place<E> {
  readonly slot: Slot;
  /** Prompt tokens that need not be decoded. */
  readonly kept: number;
  /** Cells of the slot that are not part of the prompt and will be gone. */
  readonly lost: number;
  readonly from:
    | { readonly kind: 'own' }
    /** Another slot that holds more of the prompt: its cells are copied. */
    | { readonly kind: 'slot'; readonly slot: Slot }
    /** Saved cells. */
    | { readonly kind: 'saved'; readonly entry: E };
}

/** Saved cells as one prompt sees them. */
export interface SavedCandidate<E> {
  readonly entry: E;
  /** Tokens of the prompt that they would serve. */
  readonly kept: number;
}

/** Cells that a slot must lose before they are kept elsewhere: decoding fewer again takes less than moving them twice. */
export const MIN_LOST_TOKENS = 1024;

/** Prompt tokens that a copy must save: below, decoding them costs no more than the copy's own step. */
const MIN_COPY_TOKENS = 64;

/** A copy moves all cells of its source through RAM; decoding a cell costs more than ten times as much as moving it. */
const CELLS_MOVED_PER_TOKEN_SAVED = 8;

/** What a slot loses may be asked for again, and is then decoded anew: so much loss a saved token is worth. */
const CELLS_LOST_PER_TOKEN_SAVED = 8;

/**
 * Prompt tokens that saved cells must bring beyond what the best slot holds: a restore holds up everybody's step for as
 * long as reading a file takes, as long as decoding some hundred tokens.
 */
export const MIN_RESTORE_TOKENS = 256;

/**
 * The place for a prompt: the free slot that holds the longest start of it, unless that costs a much longer conversation
 * for a few common words; then the one idle longest. A busy slot or saved cells that hold much more are copied there, and
 * so is a slot that would lose another conversation where a spare one loses less. A short conversation is not saved, so
 * another that begins alike goes to a slot idle longer.
 */
export function choosePlace<E>(
  candidates: readonly SlotCandidate[],
  saved: readonly SavedCandidate<E>[] = [],
): Place<E> | undefined {
  const place = chooseSlot(candidates);
  if (place === undefined) return undefined;
  const [best] = saved.toSorted((a, b) => b.kept - a.kept);
  if (best === undefined || best.kept - place.kept < MIN_RESTORE_TOKENS) return place;
  const [target] = candidates
    .filter(({ slot }) => !slot.isBusy)
    .toSorted(
      (a, b) =>
        Number(lost(b, best.kept) === 0) - Number(lost(a, best.kept) === 0) || byIdleTime(a, b),
    );
  if (target === undefined) return undefined;
  const { slot } = target;
  return {
    slot,
    kept: best.kept,
    lost: lost(target, best.kept),
    from: { kind: 'saved', entry: best.entry },
  };
}

function chooseSlot(candidates: readonly SlotCandidate[]): Place<never> | undefined {
  const free = candidates.filter(({ slot }) => !slot.isBusy).toSorted(byIdleTime);
  const best = free.filter(isContinued).toSorted((a, b) => b.kept - a.kept)[0] ?? free[0];
  if (best === undefined) return undefined;
  const busy = candidates.filter(({ slot }) => slot.isBusy);
  const [source] = busy
    .filter((candidate) => isWorthCopying(candidate, best.kept))
    .toSorted((a, b) => b.copied - a.copied);
  // What the best free slot holds is a part of what is copied, so the slot that loses least is the target.
  if (source !== undefined) return copyTo(leastLosing(free, source.copied) ?? best, source);
  const spare = leastLosing(
    free.filter((candidate) => candidate !== best),
    best.copied,
  );
  const own = lost(best, best.kept);
  const older = isOther(best) ? olderPlace(free, best) : undefined;
  if (older !== undefined)
    return isWorthCopying(best, older.kept) ? copyTo(older, best) : stayIn(older);
  if (
    spare !== undefined &&
    own > MIN_LOST_TOKENS &&
    lost(spare, best.copied) < own &&
    isWorthCopying(best, spare.kept)
  )
    return copyTo(spare, best);
  return stayIn(best);
}

const stayIn = (candidate: SlotCandidate): Place<never> => ({
  slot: candidate.slot,
  kept: candidate.kept,
  lost: lost(candidate, candidate.kept),
  from: { kind: 'own' },
});

/** More of what the slot holds is not in the prompt than is: another conversation with the same beginning. */
const isOther = ({ slot, shared }: SlotCandidate): boolean => slot.cells.length > 2 * shared;

/** A slot idle longer than `best` that loses no more than it does, or too little to be worth a restore. */
function olderPlace(
  free: readonly SlotCandidate[],
  best: SlotCandidate,
): SlotCandidate | undefined {
  const most = Math.max(lost(best, best.kept), MIN_LOST_TOKENS);
  return free.slice(0, free.indexOf(best)).find((candidate) => lost(candidate, best.kept) <= most);
}

const copyTo = (target: SlotCandidate, source: SlotCandidate): Place<never> => ({
  slot: target.slot,
  kept: source.copied,
  lost: lost(target, source.copied),
  from: { kind: 'slot', slot: source.slot },
});

const leastLosing = (free: readonly SlotCandidate[], kept: number): SlotCandidate | undefined =>
  free.toSorted((a, b) => lost(a, kept) - lost(b, kept))[0];

/** The free slots for the further choices of a request, whose prompt is copied there: those idle longest. */
export const chooseIdle = (slots: readonly Slot[], count: number): Slot[] =>
  slots
    .filter((slot) => !slot.isBusy)
    .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)
    .slice(0, count);

const byIdleTime = (a: SlotCandidate, b: SlotCandidate): number =>
  a.slot.lastUsedMs - b.slot.lastUsedMs;

/** Cells that are gone when the slot holds `kept` tokens of the prompt. */
const lost = ({ slot, shared }: SlotCandidate, kept: number): number =>
  slot.cells.length - Math.min(shared, kept);

const isContinued = (candidate: SlotCandidate): boolean =>
  lost(candidate, candidate.kept) < candidate.kept * CELLS_LOST_PER_TOKEN_SAVED;

const isWorthCopying = ({ slot, copied }: SlotCandidate, held: number): boolean =>
  copied - held >= MIN_COPY_TOKENS &&
  slot.cells.length <= (copied - held) * CELLS_MOVED_PER_TOKEN_SAVED;
