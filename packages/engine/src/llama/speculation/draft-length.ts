/** Tokens guessed at a time at most: beyond, a batch costs more than the last guesses are likely to save. */
const MOST = 8;
const FIRST = 4;

/** How many tokens to guess next: more while guesses hold, fewer while they do not. */
export class DraftLength {
  #length = FIRST;

  get next(): number {
    return this.#length;
  }

  /** @param accepted - How many of the `guessed` tokens the model would have written too. */
  observe({ guessed, accepted }: { readonly guessed: number; readonly accepted: number }): void {
    if (guessed === 0) return;
    this.#length = accepted === guessed ? Math.min(MOST, this.#length + 2) : Math.max(1, accepted);
  }
}
