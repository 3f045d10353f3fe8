/** Who has a key comes before who has none. */
type PrincipalClass = 'key' | 'other';

/**
 * Requests of keys served in a row while others wait. Others then get every fifth slot at least, so that whoever uses the
 * fleet without a key is slow under load and never stuck.
 */
const KEYS_IN_A_ROW = 4;

/**
 * Requests that may pass one that needs several slots together. Without any, slots stand idle until enough are free;
 * without a bound a stream of small requests would keep them from ever being free together.
 */
const MOST_PASSING = 4;

interface Waiting<T> {
  readonly item: T;
  /** Requests that got a slot although this one's turn was before theirs. */
  passedBy: number;
}

/**
 * Requests that wait for slots: `key:` principals before the others, within each class principals take turns, each in
 * its own order.
 */
export class PrincipalQueue<T extends { readonly principal: string }> {
  /** In the order of turns: the principal served last stands at the end. */
  readonly #lines: Readonly<Record<PrincipalClass, Map<string, Waiting<T>[]>>> = {
    key: new Map(),
    other: new Map(),
  };
  #length = 0;
  #keysInARow = 0;

  get length(): number {
    return this.#length;
  }

  add(item: T): void {
    const lines = this.#linesOf(item);
    const waiting = { item, passedBy: 0 };
    const line = lines.get(item.principal);
    if (line === undefined) lines.set(item.principal, [waiting]);
    else line.push(waiting);
    this.#length++;
  }

  /**
   * Takes the first whose turn it is and that `fits`; its principal goes to the end of the round. Undefined when nobody
   * waits, or nobody fits, or one that does not fit was passed by often enough: then it is the next.
   */
  take(fits: (item: T) => boolean = () => true): T | undefined {
    const passed: Waiting<T>[] = [];
    for (const line of this.#turns()) {
      const [next] = line;
      if (next === undefined) continue;
      if (fits(next.item)) {
        for (const other of passed) other.passedBy++;
        this.#served(next.item, line);
        return next.item;
      }
      if (next.passedBy >= MOST_PASSING) return undefined;
      passed.push(next);
    }
    return undefined;
  }

  /** False when it was not waiting any more. */
  remove(item: T): boolean {
    const lines = this.#linesOf(item);
    const line = lines.get(item.principal);
    const at = line?.findIndex((waiting) => waiting.item === item) ?? -1;
    if (line === undefined || at < 0) return false;
    line.splice(at, 1);
    if (line.length === 0) lines.delete(item.principal);
    this.#length--;
    return true;
  }

  /** The lines in the order of their turns. */
  #turns(): Waiting<T>[][] {
    const keys = [...this.#lines.key.values()];
    const others = [...this.#lines.other.values()];
    return this.#keysInARow < KEYS_IN_A_ROW ? [...keys, ...others] : [...others, ...keys];
  }

  #served(item: T, line: Waiting<T>[]): void {
    const lines = this.#linesOf(item);
    const isKey = lines === this.#lines.key;
    this.#keysInARow = isKey && this.#lines.other.size > 0 ? this.#keysInARow + 1 : 0;
    lines.delete(item.principal);
    line.shift();
    if (line.length > 0) lines.set(item.principal, line);
    this.#length--;
  }

  #linesOf(item: T): Map<string, Waiting<T>[]> {
    return item.principal.startsWith('key:') ? this.#lines.key : this.#lines.other;
  }
}
