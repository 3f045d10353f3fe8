/** Splits the memory of a GPU into models, other programs and free memory. */

/** Memory that a model holds or has reserved on one GPU, MiB. */
export interface Share {
  readonly mib: number;
  /** Whether the driver's figure is certain to include it, because it was loaded before the query. */
  readonly isShown: boolean;
}

const sum = (shares: readonly Share[]): number => shares.reduce((total, { mib }) => total + mib, 0);

/**
 * Memory of a GPU that no model of this node holds: other programs and the driver itself.
 *
 * While a model is loading, the driver's figure includes an unknown part of it. The earlier value is then kept, as
 * far as it is still possible.
 *
 * @param before - The value when no load was under way; undefined if unknown.
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
