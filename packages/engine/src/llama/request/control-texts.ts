export interface FoundText {
  readonly start: number;
  readonly end: number;
}

/** The texts that become control tokens in a rendered prompt. */
export class ControlTexts {
  readonly #texts: ReadonlySet<string>;
  /** The lengths by first character, longest first. */
  readonly #lengths: ReadonlyMap<string, readonly number[]>;
  readonly #first: RegExp;

  /** Ignores texts of one character: a break needs a place between two characters. */
  constructor(texts: readonly string[]) {
    this.#texts = new Set(texts.filter((text) => text.length > 1));
    const byFirst = Map.groupBy(this.#texts, (text) => text.charAt(0));
    this.#lengths = new Map(
      Array.from(byFirst, ([first, some]) => [
        first,
        Array.from(new Set(some.map((text) => text.length))).toSorted((a, b) => b - a),
      ]),
    );
    const classes = Array.from(byFirst.keys(), (first) =>
      first.replace(/[\\\]^-]/, String.raw`\$&`),
    );
    this.#first = new RegExp(classes.length === 0 ? '(?!)' : `[${classes.join('')}]`, 'g');
  }

  /**
   * Finds them from the start to the end of `text`, the longest at each position.
   *
   * @param breaks - Positions that no match may span; ascending.
   */
  *in(text: string, breaks: readonly number[] = []): Generator<FoundText, void> {
    const first = new RegExp(this.#first);
    let next = 0;
    for (let found = first.exec(text); found !== null; found = first.exec(text)) {
      const start = found.index;
      while ((breaks[next] ?? Infinity) <= start) next++;
      const room = (breaks[next] ?? Infinity) - start;
      const length = this.#lengths
        .get(found[0])
        ?.find((one) => one <= room && this.#texts.has(text.slice(start, start + one)));
      if (length === undefined) continue;
      yield { start, end: start + length };
      first.lastIndex = start + length;
    }
  }

  /** Every position where one of them begins, also within another one. */
  *startsIn(text: string): Generator<number, void> {
    for (const { index } of text.matchAll(this.#first)) if (this.isAt(text, index)) yield index;
  }

  /** Whether one of them begins at `index`. */
  isAt(text: string, index: number): boolean {
    const lengths = this.#lengths.get(text.charAt(index)) ?? [];
    return lengths.some((length) => this.#texts.has(text.slice(index, index + length)));
  }
}
