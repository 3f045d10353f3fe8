/** Requests that wait for a slot: principals take turns, each in its own order. */
export class PrincipalQueue<T extends { readonly principal: string }> {
  /** In the order of turns: the principal served last stands at the end. */
  readonly #lines = new Map<string, T[]>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(item: T): void {
    const line = this.#lines.get(item.principal);
    if (line === undefined) this.#lines.set(item.principal, [item]);
    else line.push(item);
    this.#length++;
  }

  /** Whose turn it is; undefined when nobody waits. */
  peek(): T | undefined {
    return this.#lines.values().next().value?.[0];
  }

  /** Takes what `peek` shows; its principal goes to the end of the round. */
  take(): T | undefined {
    const item = this.peek();
    if (item === undefined) return undefined;
    const line = this.#lines.get(item.principal) ?? [];
    this.#lines.delete(item.principal);
    line.shift();
    if (line.length > 0) this.#lines.set(item.principal, line);
    this.#length--;
    return item;
  }

  /** False when it was not waiting any more. */
  remove(item: T): boolean {
    const line = this.#lines.get(item.principal);
    const at = line?.indexOf(item) ?? -1;
    if (line === undefined || at < 0) return false;
    line.splice(at, 1);
    if (line.length === 0) this.#lines.delete(item.principal);
    this.#length--;
    return true;
  }
}
