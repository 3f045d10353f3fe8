import { sharedTokens } from '../cells/slots.ts';

/** Cells that a slot must lose before they are saved. */
export const MIN_LOST_TOKENS = 1024;

/** A file is replaced by one that holds all of its tokens but fewer than these: decoding them takes less than reading it. */
const REPLACED_TOKENS = 256;

/** Cells in a file, as far as deciding needs them. */
export interface SavedCells {
  readonly tokens: Uint32Array;
  readonly bytes: number;
  /** Counts up with every use of any. */
  readonly lastUse: number;
}

/** A write this short is made for a single new token, milliseconds: it holds up no more than a slow step does. */
const SHORT_WRITE_MS = 100;

export interface SaveRequest {
  /** What the slot holds. */
  readonly cells: ArrayLike<number>;
  /** Of these, how many it is about to lose. */
  readonly lostTokens: number;
  /** What the file will take, as far as that is known. */
  readonly estimatedBytes: number;
  readonly maxBytes: number;
  /** Writing the file, milliseconds. */
  readonly writeMs: number;
  readonly decodeMsPerToken: number;
}

export type SavePlan<E> =
  | { readonly kind: 'skip' }
  | {
      readonly kind: 'save';
      /** Goes first: its room is needed. */
      readonly drop: readonly E[];
      /** Goes when the file is written, which may fail. */
      readonly replaced: readonly E[];
    };

/**
 * Whether the cells of a slot are saved, and what goes so that they fit.
 *
 * What they hold but for a few tokens at its end is superseded by them: the turn before, whose end is often written
 * otherwise in the next prompt. Where room is needed it goes first, then what was used longest ago.
 */
export function planSave<E extends SavedCells>(
  entries: readonly E[],
  request: SaveRequest,
): SavePlan<E> {
  const { cells, lostTokens, estimatedBytes, maxBytes, writeMs, decodeMsPerToken } = request;
  if (lostTokens <= MIN_LOST_TOKENS || estimatedBytes > maxBytes) return { kind: 'skip' };
  const isWritten = (newTokens: number): boolean =>
    newTokens === 0 || newTokens * decodeMsPerToken < writeMs - SHORT_WRITE_MS;
  const isCovered = entries.some(({ tokens }) =>
    isWritten(cells.length - sharedTokens(tokens, cells)),
  );
  if (isCovered) return { kind: 'skip' };
  const superseded = entries.filter(({ tokens }) => isSuperseded(tokens, cells));
  const others = entries.filter((entry) => !superseded.includes(entry));
  const room = maxBytes - estimatedBytes;
  const early = oldestBeyond(superseded, room - totalBytes(others));
  return {
    kind: 'save',
    drop: [...early, ...oldestBeyond(others, room)],
    replaced: superseded.filter((entry) => !early.includes(entry)),
  };
}

const totalBytes = (entries: readonly SavedCells[]): number =>
  entries.reduce((total, { bytes }) => total + bytes, 0);

/** The entries to drop, used longest ago first, so that the rest takes no more than `maxBytes`. */
function oldestBeyond<E extends SavedCells>(entries: readonly E[], maxBytes: number): E[] {
  let bytes = totalBytes(entries);
  const dropped: E[] = [];
  for (const entry of entries.toSorted((a, b) => a.lastUse - b.lastUse)) {
    if (bytes <= maxBytes) break;
    bytes -= entry.bytes;
    dropped.push(entry);
  }
  return dropped;
}

/** A file that was written: the size of others follows from a few of them. */
export interface SizeSample {
  readonly tokens: number;
  readonly bytes: number;
}

/** A first file up to here may be written although nothing is known of it: it tells the size of all others. */
const FREELY_TRIED_BYTES = 256 * 1024 * 1024;

/** What compute buffers add to the memory of a context whose cells are large, at most. */
const COMPUTE_PART = 1.25;

/**
 * What the file of `tokens` cells will take: a part of its own for each token beside one that does not grow (recurrent
 * state). Of one sample all is taken to grow.
 *
 * @param contextBytes - Of the context for each of its cells, compute buffers included: what tells without any sample.
 */
export function estimateBytes(
  samples: readonly SizeSample[],
  tokens: number,
  contextBytes: number,
): number {
  const sorted = samples.toSorted((a, b) => a.tokens - b.tokens);
  const [small] = sorted;
  const large = sorted.at(-1);
  if (small === undefined || large === undefined) {
    const most = tokens * contextBytes;
    return most <= FREELY_TRIED_BYTES ? 0 : Math.ceil(most / COMPUTE_PART);
  }
  if (large.tokens === small.tokens) return Math.ceil((large.bytes / large.tokens) * tokens);
  const perToken = Math.max(0, (large.bytes - small.bytes) / (large.tokens - small.tokens));
  return Math.ceil(Math.max(0, large.bytes + (tokens - large.tokens) * perToken));
}

/** Whether `cells` hold so much of `tokens` that nobody would read the rest from a file. */
export const isSuperseded = (tokens: ArrayLike<number>, cells: ArrayLike<number>): boolean =>
  tokens.length - sharedTokens(tokens, cells) < REPLACED_TOKENS;
