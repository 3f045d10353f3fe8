import type { Place, SlotCandidate } from './place.ts';

/** How fast this model is on this machine. */
export interface CostRates {
  /** Milliseconds to decode one token of a prompt. */
  readonly decodeMsPerToken: number;
  /** Milliseconds to write, read or copy one cell. */
  readonly moveMsPerCell: number;
  /** More lost cells than this are saved before the slot is reused; undefined: none are. */
  readonly savedFromTokens: number | undefined;
}

/** What a copy costs besides its cells, milliseconds: two passes through the library's state format. */
const COPY_MS = 1;

/** What writing or reading a file costs besides its cells, milliseconds. */
const FILE_MS = 2;

/** Writing or reading the file of `cells`, milliseconds. */
export const fileMs = (
  cells: number,
  { moveMsPerCell }: Pick<CostRates, 'moveMsPerCell'>,
): number => FILE_MS + cells * moveMsPerCell;

/** With each conversation that was used later, the return of an idle one is so much less likely. */
const RETURN_DECAY = 1 / 4;

/** The parts of a place's cost, milliseconds. */
export interface PlaceCost {
  /** Decoding what of the prompt is not there. */
  readonly decodeMs: number;
  /** Copying cells from another slot. */
  readonly copyMs: number;
  /** Reading saved cells. */
  readonly restoreMs: number;
  /** Losing what the slot held: saving it, or decoding it again, as far as it is likely to be asked for. */
  readonly lostMs: number;
}

export const totalMs = ({ decodeMs, copyMs, restoreMs, lostMs }: PlaceCost): number =>
  decodeMs + copyMs + restoreMs + lostMs;

/**
 * What it costs to put a prompt of `promptTokens` at `place`, in milliseconds of everybody's time.
 *
 * @param laterConversations - Free slots that were used later than the one of `place`.
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
 * How likely it is that what a slot loses is asked for again, 0 to 1.
 *
 * The more of a slot's cells a prompt repeats, the likelier it continues that conversation, or replaces its end, than
 * that it merely begins alike.
 */
function returnChance({ slot, shared }: SlotCandidate, laterConversations: number): number {
  if (slot.cells.length === 0) return 0;
  return RETURN_DECAY ** laterConversations * (1 - shared / slot.cells.length) ** 2;
}
