/** Principals with a key come before those without. */
type PrincipalClass = 'key' | 'other';

/**
 * Requests of keys served in a row while others wait. The others get at least every fifth slot, so that clients without
 * a key are slow under load but never starve.
 */
const KEYS_IN_A_ROW = 4;

/**
 * Requests that may pass one that needs several slots together. Without passing, slots would be idle until enough are
 * free. Without a bound, a stream of small requests would prevent enough slots from ever being free together.
 */
const MOST_PASSING = 4;

interface Waiting<T> {
  readonly item: T;
  /** Requests that passed this one. */
  passedBy: number;
}

/**
 * Requests that wait for slots. `key:` principals come before the others. Within each class principals take turns, and
 * the requests of each keep their order.
 */
export class PrincipalQueue<T extends { readonly principal: string }> {
  /** In the order of turns: the principal served last is at the end. */
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
   * Takes the next request that `fits`; its principal goes to the end of the round. Undefined if none waits, none fits,
   * or a request that does not fit was passed often enough and has to be served next.
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

  /** False if it was not waiting. */
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

  /** The queues in the order of their turns. */
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
