/** What of a GPU belongs to models, what to other programs, and what is left. */
import type { NvidiaGpu } from './nvidia-smi.ts';

/** What a model holds, or will hold, of one GPU; MiB. */
export interface Share {
  readonly mib: number;
  /** Whether the driver's figures include it for certain: it was in memory before the driver was asked. */
  readonly isShown: boolean;
}

const sum = (shares: readonly Share[]): number => shares.reduce((total, { mib }) => total + mib, 0);

/**
 * Memory of a GPU that no model of this node holds: other programs, and what the driver keeps.
 *
 * While a model is being loaded the driver shows a part of it, and nobody can say which. What was seen before stands
 * then, unless it cannot be true any more.
 *
 * @param before - What it was when nothing was being loaded; undefined: not known.
 */
export function foreignMib(
  usedMib: number,
  { shares, before }: { readonly shares: readonly Share[]; readonly before: number | undefined },
): number {
  const shown = sum(shares.filter(({ isShown }) => isShown));
  const underWay = sum(shares.filter(({ isShown }) => !isShown));
  const most = Math.max(0, usedMib - shown);
  const least = Math.max(0, usedMib - shown - underWay);
  return Math.min(most, Math.max(least, before ?? most));
}

/** MiB in use by everybody; undefined for a GPU that shares the memory of the host and reports none. */
export const usedMibOf = ({ totalMib, freeMib }: NvidiaGpu): number | undefined =>
  totalMib === undefined || freeMib === undefined ? undefined : totalMib - freeMib;
