import type { Place, SlotCandidate } from './place.ts';

/** Speeds of this model on this machine. */
export interface CostRates {
  /** Milliseconds to decode one token of a prompt. */
  readonly decodeMsPerToken: number;
  /** Milliseconds to write, read or copy one cell. */
  readonly moveMsPerCell: number;
  /** A loss of more cells than this is saved before the slot is reused. Undefined: never saved. */
  readonly savedFromTokens: number | undefined;
}

/** Fixed cost of a copy in milliseconds: two conversions through the library's state format. */
const COPY_MS = 1;

/** Fixed cost of writing or reading a file, in milliseconds. */
const FILE_MS = 2;

/** Milliseconds to write or read the file of `cells`. */
export const fileMs = (
  cells: number,
  { moveMsPerCell }: Pick<CostRates, 'moveMsPerCell'>,
): number => FILE_MS + cells * moveMsPerCell;

/** Factor by which the chance of return falls with each conversation that was used later. */
const RETURN_DECAY = 1 / 4;

/** The parts of a place's cost, milliseconds. */
export interface PlaceCost {
  /** Decoding the missing part of the prompt. */
  readonly decodeMs: number;
  /** Copying cells from another slot. */
  readonly copyMs: number;
  /** Reading saved cells. */
  readonly restoreMs: number;
  /** Losing the cells of the slot: saving them, or decoding them again, weighted by the chance that they are needed. */
  readonly lostMs: number;
}

export const totalMs = ({ decodeMs, copyMs, restoreMs, lostMs }: PlaceCost): number =>
  decodeMs + copyMs + restoreMs + lostMs;

/**
 * The cost of `place` for a prompt of `promptTokens`, in milliseconds that all runs wait.
 *
 * @param laterConversations - Free slots that were used later than that of `place`.
 */
export function placeCost<E>(
  place: Place<E>,
  {
    promptTokens,
    target,
    laterConversations,
    rates,
  }: {
    readonly promptTokens: number;
    readonly target: SlotCandidate;
    readonly laterConversations: number;
    readonly rates: CostRates;
  },
): PlaceCost {
  const { decodeMsPerToken, moveMsPerCell } = rates;
  const { from, kept, lost } = place;
  const chance = returnChance(target, laterConversations);
  return {
    decodeMs: (promptTokens - kept) * decodeMsPerToken,
    copyMs: from.kind === 'slot' ? COPY_MS + from.slot.cells.length * moveMsPerCell : 0,
    restoreMs: from.kind === 'saved' ? fileMs(from.cells, rates) : 0,
    lostMs: lostMs({ lost, cells: target.slot.cells.length, chance }, rates),
  };
}

function lostMs(
  {
    lost,
    cells,
    chance,
  }: { readonly lost: number; readonly cells: number; readonly chance: number },
  rates: CostRates,
): number {
  const { decodeMsPerToken, savedFromTokens = Infinity } = rates;
  if (lost <= savedFromTokens) return chance * lost * decodeMsPerToken;
  return (1 + chance) * fileMs(cells, rates);
}

/**
 * The chance that the lost cells of a slot are needed again, 0 to 1.
 *
 * The more of a slot's cells a prompt repeats, the likelier it continues that conversation or replaces its end, rather
 * than only sharing a prefix.
 */
function returnChance({ slot, shared }: SlotCandidate, laterConversations: number): number {
  if (slot.cells.length === 0) return 0;
  return RETURN_DECAY ** laterConversations * (1 - shared / slot.cells.length) ** 2;
}
