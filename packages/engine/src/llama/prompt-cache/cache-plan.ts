import { sharedTokens } from '../cells/slots.ts';

/** Minimum loss of a slot that is saved, in cells. */
export const MIN_LOST_TOKENS = 1024;

/**
 * A file is superseded by one that lacks fewer of its tokens than this: decoding them is faster than reading the file.
 */
const REPLACED_TOKENS = 256;

/** Saved cells, as the plan needs them. */
export interface SavedCells {
  readonly tokens: Uint32Array;
  readonly bytes: number;
  /** A counter that increases with every use of any entry. */
  readonly lastUse: number;
}

/** A write up to this many milliseconds is done even for a single new token: it takes no longer than a slow step. */
const SHORT_WRITE_MS = 100;

export interface SaveRequest {
  /** The tokens of the slot. */
  readonly cells: ArrayLike<number>;
  /** How many of them the slot is about to lose. */
  readonly lostTokens: number;
  /** Estimated size of the file, if known. */
  readonly estimatedBytes: number;
  readonly maxBytes: number;
  /** Milliseconds to write the file. */
  readonly writeMs: number;
  readonly decodeMsPerToken: number;
}

export type SavePlan<E> =
  | { readonly kind: 'skip' }
  | {
      readonly kind: 'save';
      /** Removed before the write, because the space is needed. */
      readonly drop: readonly E[];
      /** Removed after the file was written, which may fail. */
      readonly replaced: readonly E[];
    };

/**
 * Decides whether the cells of a slot are saved, and what is removed so that they fit.
 *
 * They supersede an entry whose tokens they contain except for a few at its end: the previous turn, whose end is often
 * changed in the next prompt. If space is needed, it is removed first, then the least recently used.
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

/** The entries to drop, least recently used first, so that the rest takes at most `maxBytes`. */
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

/** Size of a written file. A few samples give the size of others. */
export interface SizeSample {
  readonly tokens: number;
  readonly bytes: number;
}

/** A first file up to this size is written without an estimate, because it gives the size of all others. */
const FREELY_TRIED_BYTES = 256 * 1024 * 1024;

/** Maximum share of compute buffers in the memory of a context with large cells. */
const COMPUTE_PART = 1.25;

/**
 * Estimated size of the file of `tokens` cells: a part per token and a constant part (recurrent state). With one
 * sample, the whole size is taken as per token.
 *
 * @param contextBytes - Memory of the context per cell, including compute buffers, used without samples.
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

/** Whether `cells` contain so much of `tokens` that reading the rest from a file is not worthwhile. */
export const isSuperseded = (tokens: ArrayLike<number>, cells: ArrayLike<number>): boolean =>
  tokens.length - sharedTokens(tokens, cells) < REPLACED_TOKENS;
