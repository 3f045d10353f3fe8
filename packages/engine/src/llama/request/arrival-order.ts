/**
 * Keeps the requests of each principal in the order of arrival, independent of their preparation time: a short prompt
 * does not overtake an earlier long one. Principals do not wait for each other, and a failed request does not wait.
 */
export class ArrivalOrder {
  readonly #last = new Map<string, Promise<void>>();

  /**
   * Resolves with the result of `ready` after all earlier requests of `principal` have resolved or failed. Throws
   * immediately what `ready` throws, and the reason of `signal` when it aborts.
   */
  async inTurn<T>(principal: string, ready: Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last.get(principal);
    // Without the values: otherwise the chain of a principal that always waits would keep all its requests in memory.
    const turn = Promise.allSettled([before, ready]).then(() => undefined);
    this.#last.set(principal, turn);
    void turn.then(() => {
      if (this.#last.get(principal) === turn) this.#last.delete(principal);
    });
    const value = await ready;
    // A signal that has already aborted does not fire again, and the race would wait for all earlier requests.
    signal.throwIfAborted();
    if (before !== undefined) await Promise.race([before, abortOf(signal)]);
    signal.throwIfAborted();
    return value;
  }
}

const abortOf = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
