import type { StepEmitter, SampledToken } from './emit-step.ts';
import type { LogitRows } from './fill-batch.ts';
import type { Run } from './run.ts';
import type { SchedulerModel } from './scheduler-model.ts';
import type { SlotCells } from '../cells/slot-cells.ts';
import { checkSampled, toErrorEvent, toSampleError, toStepError } from './step-error.ts';
import type { StepStats } from './step-stats.ts';

export interface StepSamplerOptions {
  readonly model: SchedulerModel;
  readonly cells: SlotCells;
  readonly stats: StepStats;
  readonly emitter: StepEmitter;
  /** Whether there are drafts, which continue the text, so that every token is processed before the next step. */
  readonly isDrafting: boolean;
  readonly nowMs: () => number;
}

/** Samples the tokens of a step from the logits of its batch. */
export class StepSampler {
  readonly #options: StepSamplerOptions;

  constructor(options: StepSamplerOptions) {
    this.#options = options;
  }

  /**
   * Samples for all runs in parallel. A failed sampler ends its own request after all others have read the logits.
   * Never throws.
   *
   * @returns The number of tokens that are not the first of their answer. The first one counts for the prompt.
   */
  all(rows: readonly LogitRows[]): Promise<number> {
    const [only] = rows;
    if (only !== undefined && rows.length === 1) return this.#sample(only);
    return Promise.all(rows.map((row) => this.#sample(row))).then((counts) =>
      counts.reduce((total, count) => total + count, 0),
    );
  }

  /** Samples the next token of a run, and the tokens after it while they match the draft. */
  async #sample({ run, logitIndexes }: LogitRows): Promise<number> {
    const { job } = run;
    const { model } = this.#options;
    const isFirst = run.nextToken === undefined;
    const draft = run.draft.slice(0, logitIndexes.length - 1);
    let accepted = 0;
    // The previous token may have been the last, which is known only after it was processed.
    if (isOver(run)) return 0;
    for (const [index, logitIndex] of logitIndexes.entries()) {
      try {
        const forced = run.answer.takeForced();
        const token = forced ?? (await model.sample(logitIndex, run.sampler));
        if (forced === undefined) checkSampled(token, job.sampling);
        else model.accept(token, job.grammarOf(run.answer));
        const top = job.topLogprobs;
        const logprob =
          top === undefined ? undefined : await model.readLogprob(logitIndex, { token, top });
        this.#take({ run, token, logprob });
      } catch (error) {
        job.fail(toErrorEvent(toSampleError(error, job.sampling)));
      }
      if (isOver(run) || index >= draft.length || run.nextToken !== draft[index]) break;
      accepted++;
    }
    if (draft.length > 0) await this.#undoRejected(run, { drafted: draft.length, accepted });
    return accepted + (isFirst ? 0 : 1);
  }

  #take(sampled: SampledToken): void {
    const { run, token } = sampled;
    const { job, answer } = run;
    const { model, emitter, nowMs, isDrafting } = this.#options;
    job.tokenSampled(nowMs());
    if (job.isEnded) return;
    run.nextToken = token;
    const isLast = answer.tokens.length + 1 >= answer.maxTokens;
    const isRead = isDrafting || isLast || answer.hasThoughtLimit;
    if (model.isEndOfGeneration(token) && !job.sampling.ignoreEos) emitter.addEnd(run);
    else if (isRead) emitter.addRead(sampled);
    else emitter.add(sampled);
  }

  /** Removes the cells of rejected draft tokens. If the library cannot, the text is decoded again. */
  async #undoRejected(
    run: Run,
    { drafted, accepted }: { readonly drafted: number; readonly accepted: number },
  ): Promise<void> {
    const { slot, job, draftLength } = run;
    const { cells, stats } = this.#options;
    const text = slot.cells.slice(0, slot.cells.length - (drafted - accepted));
    try {
      await cells.keep(slot, text.length);
      if (slot.cells.length < text.length && run.nextToken !== undefined) {
        run.text = Uint32Array.from([...text, run.nextToken]);
        run.nextToken = undefined;
      }
    } catch (error) {
      job.fail(toErrorEvent(toStepError(error)));
    }
    draftLength.observe({ drafted, accepted });
    stats.drafted({ drafted, accepted });
  }
}

const isOver = ({ job, answer }: Run): boolean => job.isEnded || answer.finish !== undefined;
