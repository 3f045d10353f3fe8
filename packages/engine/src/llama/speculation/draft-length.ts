/** Maximum number of draft tokens per step. More cost more time in the batch than they are likely to save. */
const MOST = 8;
const FIRST = 4;

/** Adapts the number of draft tokens: more while drafts are accepted, fewer while they are not. */
export class DraftLength {
  #length = FIRST;

  get next(): number {
    return this.#length;
  }

  /** @param accepted - How many of the `drafted` tokens the model confirmed. */
  observe({ drafted, accepted }: { readonly drafted: number; readonly accepted: number }): void {
    if (drafted === 0) return;
    this.#length = accepted === drafted ? Math.min(MOST, this.#length + 2) : Math.max(1, accepted);
  }
}
