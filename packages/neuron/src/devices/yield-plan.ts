/** Which models leave a GPU that another program wants (behaviour 36a). Pure. */

/** A model that may leave: loaded, idle and not pinned. */
export interface LeavingModel {
  readonly id: string;
  /** MiB on the GPU. */
  readonly vramMib: number;
  /** Bytes that a reload reads: what the reload costs. */
  readonly reloadBytes: number;
}

/**
 * The models that free `missingMib`, in the order in which they leave, dearest to reload last; all of them if they do
 * not suffice. None of them could stay.
 */
export function planYield(models: readonly LeavingModel[], missingMib: number): readonly string[] {
  const cheapestFirst = models
    .filter(({ vramMib }) => vramMib > 0)
    .toSorted(
      (a, b) => a.reloadBytes - b.reloadBytes || a.vramMib - b.vramMib || (a.id < b.id ? -1 : 1),
    );
  const leaving: LeavingModel[] = [];
  for (const model of cheapestFirst) {
    if (sum(leaving) >= missingMib) break;
    leaving.push(model);
  }
  // A dear model may have made an earlier, cheaper one needless.
  for (const model of cheapestFirst.toReversed()) {
    const others = leaving.filter((other) => other !== model);
    if (leaving.includes(model) && sum(others) >= missingMib)
      leaving.splice(leaving.indexOf(model), 1);
  }
  return leaving.map(({ id }) => id);
}

const sum = (models: readonly LeavingModel[]): number =>
  models.reduce((total, { vramMib }) => total + vramMib, 0);
