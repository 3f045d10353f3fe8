/** Draft tokens at a time at most: beyond, a batch costs more than the last of them are likely to save. */
const MOST = 8;
const FIRST = 4;

/** How many tokens to draft next: more while drafts are accepted, fewer while they are not. */
export class DraftLength {
  #length = FIRST;

  get next(): number {
    return this.#length;
  }

  /** @param accepted - How many of the `drafted` tokens the model would have written too. */
  observe({ drafted, accepted }: { readonly drafted: number; readonly accepted: number }): void {
    if (drafted === 0) return;
    this.#length = accepted === drafted ? Math.min(MOST, this.#length + 2) : Math.max(1, accepted);
  }
}
