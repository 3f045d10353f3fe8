import type { Token } from '../native-types.ts';
import type { Drafter, SlotText } from '../speculation/drafter.ts';
import type { Run } from './run.ts';
import type { Slot } from './slots.ts';
import type { StepStats } from './step-stats.ts';

export interface GuesserOptions {
  readonly drafter: Drafter;
  readonly contextTokens: number;
  readonly stats: Pick<StepStats, 'draftFailed'>;
}

/** Guesses of a step, all runs together: with more sequences in a batch there is less idle compute to spend on them. */
const GUESSES_PER_STEP = 16;

/** Has tokens guessed for those who generate, until the drafter fails: guesses are never needed. */
export class Guesser {
  readonly #options: GuesserOptions;
  #hasFailed = false;

  constructor(options: GuesserOptions) {
    this.#options = options;
  }

  /** Gives each of `runs` its guesses, no further than its answer and its context may go. */
  async guess(runs: readonly Run[]): Promise<void> {
    for (const run of runs) run.guesses = [];
    if (this.#hasFailed || runs.length === 0) return;
    const { drafter, contextTokens, stats } = this.#options;
    const share = Math.floor(GUESSES_PER_STEP / runs.length);
    const wanted = runs.flatMap((run) => {
      const { answer, slot, nextToken, draftLength } = run;
      const room = Math.min(
        draftLength.next,
        share,
        answer.maxTokens - answer.tokens.length - 1,
        contextTokens - slot.cells.length - 1,
      );
      if (room < 1 || nextToken === undefined) return [];
      return [{ run, request: { slot: slot.id, text: textOf(slot, nextToken), most: room } }];
    });
    if (wanted.length === 0) return;
    try {
      const guesses = await drafter.draft(wanted.map(({ request }) => request));
      for (const [index, { run }] of wanted.entries()) run.guesses = guesses[index] ?? [];
    } catch (error) {
      this.#hasFailed = true;
      stats.draftFailed(error);
    }
  }
}

const textOf = ({ cells }: Slot, nextToken: Token): SlotText => ({
  length: cells.length + 1,
  at: (index) => cells[index] ?? nextToken,
});
