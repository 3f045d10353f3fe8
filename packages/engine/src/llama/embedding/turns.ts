/**
 * Who is served next, one piece of work at a time: principals take turns, and within one its requests do.
 *
 * Nothing leaves by being served: a request takes part until it is removed.
 */
export class Turns<T extends { readonly principal: string }> {
  /** In the order of turns: who was served last stands at the end, on both levels. */
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

  /** Whose turn it is; undefined when nobody has work. Who had the last one stands behind all that came meanwhile. */
  next(): T | undefined {
    if (this.#served !== undefined) this.#moveBack(this.#served);
    this.#served = this.#lines.values().next().value?.[0];
    return this.#served;
  }

  /** False when it took no part any more. */
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
