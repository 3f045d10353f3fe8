/**
 * Decides which request is served next. Principals take turns, and so do the requests of each principal.
 *
 * A served request stays until it is removed.
 */
export class Turns<T extends { readonly principal: string }> {
  /** In the order of turns: on both levels, the last served is at the end. */
  readonly #lines = new Map<string, T[]>();
  #length = 0;
  #served: T | undefined;

  get length(): number {
    return this.#length;
  }

  add(item: T): void {
    const line = this.#lines.get(item.principal);
    if (line === undefined) this.#lines.set(item.principal, [item]);
    else line.push(item);
    this.#length++;
  }

  /** The next request; undefined if there is none. The last served comes after all that were added since. */
  next(): T | undefined {
    if (this.#served !== undefined) this.#moveBack(this.#served);
    this.#served = this.#lines.values().next().value?.[0];
    return this.#served;
  }

  /** False if it had been removed. */
  remove(item: T): boolean {
    const line = this.#lines.get(item.principal);
    const at = line?.indexOf(item) ?? -1;
    if (line === undefined || at < 0) return false;
    line.splice(at, 1);
    if (line.length === 0) this.#lines.delete(item.principal);
    this.#length--;
    return true;
  }

  #moveBack(item: T): void {
    const line = this.#lines.get(item.principal);
    if (line === undefined) return;
    const at = line.indexOf(item);
    if (at >= 0) line.push(...line.splice(at, 1));
    this.#lines.delete(item.principal);
    this.#lines.set(item.principal, line);
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const line of this.#lines.values()) yield* line;
  }
}
