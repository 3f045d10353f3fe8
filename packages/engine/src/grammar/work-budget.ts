/** How much one schema may cost to convert: everybody waits while it is read. */
import { unsupported } from './schema.ts';

/** Is told the steps that work takes; throws where they are too many. */
export type Spend = (steps: number) => void;

/** For work that nobody else counts. */
export const unshared: Spend = () => undefined;

/** Counts steps of one kind, so that a small schema that means much work is refused and not worked through. */
export class WorkBudget {
  readonly #keyword: string;
  readonly #refusal: string;
  readonly #also: Spend;
  #left: number;

  /**
   * @param steps - how many there are, and what else is told of each that is spent
   * @param refusal - what is wrong with `keyword` when they are used up, and what to change
   */
  constructor([steps, also]: readonly [number, Spend], keyword: string, refusal: string) {
    this.#left = steps;
    this.#also = also;
    this.#keyword = keyword;
    this.#refusal = refusal;
  }

  /** @throws CortexError `invalid_request` when there are not that many left. */
  spend(steps: number): void {
    this.#also(steps);
    this.#left -= steps;
    if (this.#left < 0) throw unsupported(this.#keyword, this.#refusal);
  }
}
