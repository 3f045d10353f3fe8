import type { NativeSampler, SamplerConfig } from '../native-types.ts';
import type { CacheEntry, PromptCache } from '../prompt-cache/prompt-cache.ts';
import { DraftLength } from '../speculation/draft-length.ts';
import type { Job } from './job.ts';
import { PrincipalQueue } from '../../principal-queue.ts';
import type { Run } from './run.ts';
import type { SlotCells } from '../cells/slot-cells.ts';
import { choosePlace } from './choose-place.ts';
import type { Place } from '../cells/place.ts';
import type { CostRates } from '../cells/place-cost.ts';
import { chooseIdle, type Slot } from '../cells/slots.ts';
import { toErrorEvent, toStepError } from './step-error.ts';

export interface AdmissionOptions {
  readonly slots: readonly Slot[];
  readonly cells: SlotCells;
  readonly cache: PromptCache | undefined;
  /** Whether the last token of a prompt is never decoded alone: see `passesOf`. */
  readonly isBatchInvariant: boolean;
  /** Measured speeds of this model on this machine. */
  readonly rates: () => CostRates;
  readonly createSampler: (config: SamplerConfig) => NativeSampler;
  readonly nowMs: () => number;
}

/**
 * Moves requests from the queue into slots, each to the place with the lowest cost.
 *
 * Call it only between two decodes. The caller drops requests that were cancelled while their cells were fetched. The
 * cells of such a slot may be of any text, but always match its recorded tokens.
 */
export class Admission {
  readonly queue = new PrincipalQueue<Job>();
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Whether a request waits and a slot is free. */
  get isDue(): boolean {
    return this.queue.length > 0 && this.#options.slots.some((slot) => !slot.isBusy);
  }

  /**
   * Gives free slots to the next requests and adds their runs to `runs`. A request that needs several slots gets them
   * together.
   *
   * Stops after the first request that needs files to be written or read, so that generating runs get a token before
   * the next.
   */
  async admit(runs: Run[]): Promise<void> {
    const { cache, nowMs } = this.#options;
    const movesBefore = cache?.fileMoves;
    for (let job = this.#next(); job !== undefined; job = this.#next()) {
      job.admitted(nowMs());
      try {
        await this.#place(job, runs);
      } catch (error) {
        job.fail(toErrorEvent(toStepError(error)));
      }
      if (cache?.fileMoves !== movesBefore) return;
    }
  }

  #next(): Job | undefined {
    const free = this.#options.slots.filter((slot) => !slot.isBusy).length;
    if (free === 0) return undefined;
    return this.queue.take(({ answers }) => answers.length <= free);
  }

  async #place(job: Job, runs: Run[]): Promise<void> {
    const { slots, cells, cache, rates } = this.#options;
    const [first, ...further] = job.answers;
    const limit = this.#mostCells(job);
    const place = choosePlace({
      promptTokens: job.prompt.length,
      candidates: slots.map((slot) => cells.candidate(slot, job.prompt, limit)),
      saved: cache?.find(job.prompt, limit) ?? [],
      rates: rates(),
    });
    if (first === undefined || place === undefined) throw new Error('no slot is free');
    const leader = this.#begin({ job, answer: first, slot: place.slot, leader: undefined });
    runs.push(leader);
    const idle = chooseIdle(slots, further.length);
    for (const [index, slot] of idle.entries()) {
      const answer = further[index];
      if (answer !== undefined) runs.push(this.#begin({ job, answer, slot, leader }));
    }
    await this.#fetch(job, place);
    for (const slot of idle) {
      if (isGone(job)) return;
      await cache?.save(slot, { lostTokens: slot.cells.length, keptTokens: 0, rates: rates() });
    }
  }

  /** The last token of a prompt is always decoded, because its logits are needed; if widths matter, not alone. */
  #mostCells({ prompt }: Job): number {
    return Math.max(0, prompt.length - (this.#options.isBatchInvariant ? 2 : 1));
  }

  #begin(run: Pick<Run, 'job' | 'answer' | 'slot' | 'leader'>): Run {
    const { job, answer, slot } = run;
    const sampler = this.#options.createSampler(job.samplerConfig(answer));
    slot.isBusy = true;
    return {
      ...run,
      sampler,
      text: job.prompt,
      nextToken: undefined,
      draft: [],
      draftLength: new DraftLength(),
    };
  }

  /** Saves the cells that the slot loses, and then brings the reusable cells of the prompt into it. */
  async #fetch(job: Job, { slot, from, kept, lost }: Place<CacheEntry>): Promise<void> {
    const { cells, cache } = this.#options;
    await cache?.save(slot, {
      lostTokens: lost,
      keptTokens: from.kind === 'own' ? kept : 0,
      keep: from.kind === 'saved' ? from.entry : undefined,
      rates: this.#options.rates(),
    });
    if (isGone(job)) return;
    if (from.kind === 'slot') await cells.copy(from.slot, slot);
    if (from.kind === 'saved') await cache?.restore(from.entry, slot);
    if (isGone(job)) return;
    const limit = this.#mostCells(job);
    const { shared } = cells.candidate(slot, job.prompt, limit);
    await cells.keep(slot, Math.min(shared, limit));
    job.cachedTokens = slot.cells.length;
    // The end of the previous turn: the caller may replace the message after it.
    if (slot.cells.length > 0 && cells.losesCells) await cells.checkpoints.take(slot);
  }
}

const isGone = (job: Job): boolean => job.isEnded || job.signal.aborted;
