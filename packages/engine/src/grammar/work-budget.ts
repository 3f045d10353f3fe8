/** Limits the work to convert one schema, because conversion blocks all requests. */
import { unsupported } from './schema.ts';

/** Counts steps of work; throws when there are too many. */
export type Spend = (steps: number) => void;

/** For work without a shared limit. */
export const unlimited: Spend = () => undefined;

/** Counts steps of one kind, so that a small but expensive schema is refused instead of processed. */
export class WorkBudget {
  readonly #keyword: string;
  readonly #refusal: string;
  readonly #also: Spend;
  #left: number;

  /**
   * @param steps - The limit, and a second counter that also counts each step.
   * @param refusal - What is wrong with `keyword` when the limit is exceeded, and what to change.
   */
  constructor([steps, also]: readonly [number, Spend], keyword: string, refusal: string) {
    this.#left = steps;
    this.#also = also;
    this.#keyword = keyword;
    this.#refusal = refusal;
  }

  /** @throws CortexError `invalid_request` when the limit is exceeded. */
  spend(steps: number): void {
    this.#also(steps);
    this.#left -= steps;
    if (this.#left < 0) throw unsupported(this.#keyword, this.#refusal);
  }
}
