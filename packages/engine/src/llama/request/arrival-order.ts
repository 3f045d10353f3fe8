/**
 * Keeps requests in the order in which each principal sent them, whatever takes longer to get ready: a short prompt does
 * not overtake the long one before it. Principals do not wait for each other.
 */
export class ArrivalOrder {
  readonly #last = new Map<string, Promise<unknown>>();

  /** What `ready` gives or throws, once all that `principal` sent before has been given or thrown. */
  async inTurn<T>(principal: string, ready: Promise<T>): Promise<T> {
    const turn = Promise.allSettled([this.#last.get(principal), ready]);
    this.#last.set(principal, turn);
    await turn;
    if (this.#last.get(principal) === turn) this.#last.delete(principal);
    return ready;
  }
}
