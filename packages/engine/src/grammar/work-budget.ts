/** How much one schema may cost to convert: everybody waits while it is read. */
import { unsupported } from './schema.ts';

/** Counts steps of one kind, so that a small schema that means much work is refused and not worked through. */
export class WorkBudget {
  readonly #keyword: string;
  readonly #refusal: string;
  #left: number;

  /** @param refusal - what is wrong with `keyword` when the steps are used up, and what to change. */
  constructor(steps: number, keyword: string, refusal: string) {
    this.#left = steps;
    this.#keyword = keyword;
    this.#refusal = refusal;
  }

  /** @throws CortexError `invalid_request` when there are not that many left. */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw unsupported(this.#keyword, this.#refusal);
  }
}
