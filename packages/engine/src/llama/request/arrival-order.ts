/**
 * Keeps requests in the order in which each principal sent them, whatever takes longer to get ready: a short prompt does
 * not overtake the long one before it. Principals do not wait for each other, and a failure waits for nobody.
 */
export class ArrivalOrder {
  readonly #last = new Map<string, Promise<void>>();

  /**
   * What `ready` gives, once all that `principal` sent before has been given or has failed. Throws at once what `ready`
   * throws, and the reason of `signal` when it aborts.
   */
  async inTurn<T>(principal: string, ready: Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last.get(principal);
    // Without the values: the turns of a principal who always waits would hold all that it ever sent.
    const turn = Promise.allSettled([before, ready]).then(() => undefined);
    this.#last.set(principal, turn);
    void turn.then(() => {
      if (this.#last.get(principal) === turn) this.#last.delete(principal);
    });
    const value = await ready;
    // A signal that has aborted by now fires no more: the race would wait for all before.
    signal.throwIfAborted();
    if (before !== undefined) await Promise.race([before, abortOf(signal)]);
    signal.throwIfAborted();
    return value;
  }
}

const abortOf = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
