import type { Draw } from './fill-batch.ts';
import type { DrawnToken, Handout } from './handout.ts';
import type { Run } from './run.ts';
import type { SchedulerModel } from './scheduler.ts';
import type { SlotCells } from './slot-cells.ts';
import { checkDrawn, toDrawError, toErrorEvent, toStepError } from './step-error.ts';
import type { StepStats } from './step-stats.ts';

export interface DrawingOptions {
  readonly model: SchedulerModel;
  readonly cells: SlotCells;
  readonly stats: StepStats;
  readonly handout: Handout;
  /** Guesses follow the text: every token is read before the next step. */
  readonly isGuessing: boolean;
  readonly nowMs: () => number;
}

/** Draws the tokens of a step from the logits of its batch. */
export class Drawing {
  readonly #options: DrawingOptions;

  constructor(options: DrawingOptions) {
    this.#options = options;
  }

  /**
   * All in parallel, each by itself: a sampler that fails costs its own request, after all the others are through with
   * the logits. Never throws. Gives the tokens drawn behind another of their answer: the first of an answer belongs to
   * the prompt's step.
   */
  all(draws: readonly Draw[]): Promise<number> {
    const [only] = draws;
    if (only !== undefined && draws.length === 1) return this.#draw(only);
    return Promise.all(draws.map((draw) => this.#draw(draw))).then((counts) =>
      counts.reduce((total, count) => total + count, 0),
    );
  }

  /** The next token of a run, and the ones behind it as long as they are what was guessed. */
  async #draw({ run, logitIndexes }: Draw): Promise<number> {
    const { job, sampler } = run;
    const { model } = this.#options;
    const isFirst = run.nextToken === undefined;
    const guesses = run.guesses.slice(0, logitIndexes.length - 1);
    let accepted = 0;
    // Its text may have shown meanwhile that the token before was its last.
    if (isOver(run)) return 0;
    for (const [index, logitIndex] of logitIndexes.entries()) {
      try {
        const token = await model.draw(logitIndex, sampler);
        checkDrawn(token, job.sampling);
        const top = job.topLogprobs;
        const logprob =
          top === undefined ? undefined : await model.readLogprob(logitIndex, { token, top });
        this.#take({ run, token, logprob });
      } catch (error) {
        job.fail(toErrorEvent(toDrawError(error, job.sampling)));
      }
      if (isOver(run) || index >= guesses.length || run.nextToken !== guesses[index]) break;
      accepted++;
    }
    if (guesses.length === 0) return isFirst ? 0 : 1;
    await this.#keepAccepted(run, { guessed: guesses.length, accepted });
    return 1 + accepted;
  }

  #take(drawn: DrawnToken): void {
    const { run, token } = drawn;
    const { job, answer } = run;
    const { model, handout, nowMs, isGuessing } = this.#options;
    job.tokenDrawn(nowMs());
    if (job.isEnded) return;
    run.nextToken = token;
    if (model.isEndOfGeneration(token) && !job.sampling.ignoreEos) handout.addEnd(run);
    else if (isGuessing || answer.tokens.length + 1 >= answer.maxTokens) handout.addRead(drawn);
    else handout.add(drawn);
  }

  /** Cuts the cells of wrong guesses off. */
  async #keepAccepted(
    { slot, job, draftLength }: Run,
    { guessed, accepted }: { readonly guessed: number; readonly accepted: number },
  ): Promise<void> {
    const length = slot.cells.length - (guessed - accepted);
    try {
      await this.#options.cells.keep(slot, length);
      if (slot.cells.length !== length) throw new Error('wrong guesses could not be cut off');
    } catch (error) {
      job.fail(toErrorEvent(toStepError(error)));
    }
    draftLength.observe({ guessed, accepted });
    this.#options.stats.drafted({ guessed, accepted });
  }
}

const isOver = ({ job, answer }: Run): boolean => job.isEnded || answer.finish !== undefined;
