/** The functions that one object calls when it changes. A listener must not throw. */
export class Listeners<Args extends readonly unknown[] = []> {
  readonly #listeners = new Set<(...args: Args) => void>();

  add(listener: (...args: Args) => void): void {
    this.#listeners.add(listener);
  }

  /** Calls every listener, in the order in which they were added. */
  call(...args: Args): void {
    for (const listener of this.#listeners) listener(...args);
  }
}
