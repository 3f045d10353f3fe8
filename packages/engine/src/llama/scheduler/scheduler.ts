import { CortexError } from '@cortex/protocol';

import type { EngineStats, TokenLogprob } from '../../engine.ts';
import type { NativeContext, NativeSampler, SamplerConfig, Token } from '../native-types.ts';
import type { PromptCache } from '../prompt-cache/prompt-cache.ts';
import type { Drafter } from '../speculation/drafter.ts';
import { Admission } from './admission.ts';
import { Guesser } from './guesser.ts';
import type { Job } from './job.ts';
import { passesOf, planStep, type StepShare } from './plan-step.ts';
import { plannedRun, takeCheckpoints } from './prompt-stops.ts';
import { isPaused, isReady, type Run } from './run.ts';
import type { SlotCells } from './slot-cells.ts';
import type { Slot } from './slots.ts';
import { toErrorEvent, toStepError } from './step-error.ts';
import { StepStats } from './step-stats.ts';

/** What the scheduler needs of the loaded model. */
export interface SchedulerModel {
  readonly context: NativeContext;
  isEndOfGeneration(token: Token): boolean;
  createSampler(config: SamplerConfig): NativeSampler;
  /** Below 0 where no token is possible. */
  draw(logitIndex: number, sampler: NativeSampler): Promise<Token>;
  /** Log-probability of `token` from raw logits, before the sampler chain. */
  readLogprob(
    logitIndex: number,
    of: { readonly token: Token; readonly top: number },
  ): Promise<TokenLogprob>;
}

export interface SchedulerOptions {
  readonly model: SchedulerModel;
  readonly slots: readonly Slot[];
  readonly cells: SlotCells;
  /** Conversations that lost their slot; undefined: they are forgotten. */
  readonly cache: PromptCache | undefined;
  readonly contextTokens: number;
  readonly batchTokens: number;
  readonly prefillChunkTokens: number;
  /** Whether texts are to be the same in whatever batch: see `passesOf`. */
  readonly isWidthExact: boolean;
  /** Guesses tokens for speculative decoding; undefined: none. */
  readonly drafter?: Drafter;
  readonly nowMs: () => number;
}

/**
 * Continuous batching over the slots of one context.
 *
 * Each step: drop what was cancelled, admit, one token for everybody who generates, prompt chunks into the rest,
 * decode, sample, hand out. Everything that touches the context happens between two decodes.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #admission: Admission;
  readonly #stats = new StepStats();
  readonly #guesser: Guesser | undefined;
  #runs: Run[] = [];
  #isLooping = false;
  /** Something changed since the loop last looked. */
  #isWoken = false;
  #closing: CortexError | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const createSampler = (config: SamplerConfig): NativeSampler =>
      options.model.createSampler(config);
    this.#admission = new Admission({ ...options, createSampler });
    const { drafter, contextTokens } = options;
    this.#guesser = drafter && new Guesser({ drafter, contextTokens, stats: this.#stats });
  }

  /** Puts `job` in line. Its `signal` ends it within one step, at once while it waits. */
  submit(job: Job): void {
    if (this.#closing !== undefined) return job.fail(toErrorEvent(this.#closing));
    this.#admission.queue.add(job);
    job.signal.addEventListener('abort', () => this.#cancelWaiting(job), { once: true });
    this.wake();
  }

  /** To be called when something changed that may let the loop go on: new work, room at a consumer, a cancel. */
  wake(): void {
    this.#isWoken = true;
    if (this.#isLooping) return;
    this.#isLooping = true;
    queueMicrotask(() => void this.#loop());
  }

  stats(): Omit<EngineStats, 'rssMib'> {
    const { slots, contextTokens, cache, nowMs } = this.#options;
    return {
      queueDepth: this.#admission.queue.length,
      slots: slots.length,
      busySlots: slots.filter((slot) => slot.isBusy).length,
      runnableSlots: this.#runs.filter((run) => !isPaused(run)).length,
      kvCellsUsed: slots.reduce((total, slot) => total + slot.cells.length, 0),
      kvCellsTotal: slots.length * contextTokens,
      ...this.#stats.read(nowMs()),
      ...(cache !== undefined && { promptCache: cache.stats() }),
    };
  }

  /** Admits nothing more, lets what runs and waits end within `graceMs`, ends the rest with `shutting_down`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = new CortexError('shutting_down', 'The model is being unloaded.');
    if (!this.#isIdle) {
      const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
      const grace = setTimeout(() => this.#failAll(), graceMs);
      this.wake();
      await idle;
      clearTimeout(grace);
    }
    while (this.#isLooping) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  get #isIdle(): boolean {
    return this.#admission.queue.length === 0 && this.#runs.length === 0;
  }

  #cancelWaiting(job: Job): void {
    if (this.#admission.queue.remove(job)) job.cancel(this.#options.nowMs());
    this.wake();
  }

  #failAll(): void {
    const reason = toErrorEvent(
      this.#closing ?? new CortexError('shutting_down', 'The model is being unloaded.'),
    );
    const { queue } = this.#admission;
    for (let job = queue.take(); job !== undefined; job = queue.take()) job.fail(reason);
    for (const { job } of this.#runs) if (!job.isEnded) job.fail(reason);
    this.wake();
  }

  async #loop(): Promise<void> {
    try {
      while (this.#isWoken) {
        this.#isWoken = false;
        while (await this.#step());
      }
    } finally {
      this.#isLooping = false;
      if (this.#isIdle) this.#onIdle?.();
    }
  }

  /** One step; false when nothing can go on. */
  async #step(): Promise<boolean> {
    await this.#copyPrompts();
    this.#dropEnded();
    await this.#admission.admit(this.#runs);
    // What was cancelled while its cells were fetched is not decoded, and its slot is the next one's.
    if (this.#dropEnded()) return true;
    const { checkpoints } = this.#options.cells;
    const ready = this.#runs.filter(isReady);
    const startMs = this.#options.nowMs();
    await this.#guesser?.guess(ready.filter((run) => run.nextToken !== undefined));
    const plan = planStep(
      ready.map((run) => plannedRun(run, checkpoints)),
      this.#options,
    );
    if (plan.length === 0) return false;
    const drawn: Draw[] = [];
    let generatedTokens = 0;
    for (const pass of passesOf(plan, this.#options)) {
      try {
        const part = this.#fillBatch(pass);
        await this.#options.model.context.decodeBatch();
        // Each by itself: a sampler that fails costs its own request, after all the others are through with the logits.
        const taken = await Promise.all(part.map((draw) => this.#draw(draw)));
        generatedTokens += taken.reduce((total, tokens) => total + tokens, 0);
        drawn.push(...part);
      } catch (error) {
        this.#failStep(pass, error);
      }
    }
    await takeCheckpoints(plan, checkpoints);
    this.#record(plan, { startMs, generatedTokens });
    const atMs = this.#options.nowMs();
    for (const job of new Set(drawn.map(({ run }) => run.job))) job.flush(atMs - startMs, atMs);
    return true;
  }

  #fillBatch(plan: readonly StepShare<Run>[]): readonly Draw[] {
    const { context } = this.#options.model;
    const drawn: Draw[] = [];
    context.initBatch(plan.reduce((total, share) => total + share.tokens, 0));
    // llama.cpp computes sequences together only where their numbers follow one another in the batch: out of order,
    // eight streams are up to eight passes over the weights.
    for (const { run, tokens } of plan.toSorted((a, b) => a.run.slot.id - b.run.slot.id)) {
      const { slot, job, nextToken } = run;
      const from = slot.cells.length;
      const part =
        nextToken === undefined
          ? job.prompt.subarray(from, from + tokens)
          : Uint32Array.of(nextToken, ...run.guesses.slice(0, tokens - 1));
      const logitIndexes = context.addToBatch(slot.id, from, part, wantedLogits(run, tokens));
      for (const token of part) slot.cells.push(token);
      if (logitIndexes.length === 0) continue;
      drawn.push({ run, logitIndexes });
      for (const other of this.#runs)
        if (other.leader === run) drawn.push({ run: other, logitIndexes });
    }
    return drawn;
  }

  #record(
    plan: readonly StepShare<Run>[],
    { startMs, generatedTokens }: { readonly startMs: number; readonly generatedTokens: number },
  ): void {
    const atMs = this.#options.nowMs();
    const promptTokens = plan.reduce(
      (sum, { isPrompt, tokens }) => sum + (isPrompt ? tokens : 0),
      0,
    );
    const ms = atMs - startMs;
    this.#stats.record({ sequences: plan.length, promptTokens, generatedTokens, ms, atMs });
  }

  /**
   * Draws the next token of a run, and the ones behind it as long as they are what was guessed.
   *
   * Never throws: what goes wrong ends the run's own job. Gives the tokens drawn behind another of the answer: the
   * first of an answer belongs to the prompt's step.
   */
  async #draw({ run, logitIndexes }: Draw): Promise<number> {
    const { slot, draftLength, answer, job } = run;
    const isFirst = run.nextToken === undefined;
    const guesses = run.guesses.slice(0, logitIndexes.length - 1);
    let accepted = 0;
    for (const [index, logitIndex] of logitIndexes.entries()) {
      await this.#drawOne(run, logitIndex);
      if (job.isEnded || answer.finish !== undefined) break;
      if (index >= guesses.length || run.nextToken !== guesses[index]) break;
      accepted++;
    }
    if (guesses.length === 0) return isFirst ? 0 : 1;
    const length = slot.cells.length - (guesses.length - accepted);
    await this.#options.cells.keep(slot, length);
    if (slot.cells.length !== length)
      job.fail(toErrorEvent(toStepError(new Error('wrong guesses could not be cut off'))));
    draftLength.observe({ guessed: guesses.length, accepted });
    this.#stats.drafted({ guessed: guesses.length, accepted });
    return 1 + accepted;
  }

  async #drawOne(run: Run, logitIndex: number): Promise<void> {
    const { job, answer, sampler } = run;
    const { model, nowMs } = this.#options;
    if (job.isEnded) return;
    try {
      const token = await model.draw(logitIndex, sampler);
      if (token < 0) throw new Error('no token of the vocabulary is possible here');
      const logprob =
        job.topLogprobs === undefined
          ? undefined
          : await model.readLogprob(logitIndex, { token, top: job.topLogprobs });
      job.tokenDrawn(nowMs());
      if (job.isEnded) return;
      const isEnd = model.isEndOfGeneration(token) && !job.sampling.ignoreEos;
      job.add(isEnd ? answer.end('stop') : answer.push(token, logprob));
      run.nextToken = token;
    } catch (error) {
      job.fail(toErrorEvent(toStepError(error)));
    }
  }

  /** Frees the slots of what is finished, cancelled or failed. False when there was none. */
  #dropEnded(): boolean {
    const before = this.#runs.length;
    const nowMs = this.#options.nowMs();
    for (const { job } of this.#runs) if (job.signal.aborted && !job.isEnded) job.cancel(nowMs);
    this.#runs = this.#runs.filter((run) => {
      if (!run.job.isEnded && run.answer.finish === undefined) return true;
      this.#release(run, nowMs);
      return false;
    });
    return this.#runs.length < before;
  }

  #release(run: Run, nowMs: number): void {
    run.sampler.dispose();
    run.slot.isBusy = false;
    run.slot.lastUsedMs = nowMs;
  }

  /** The further choices of a job take over the prompt cells of the first, whose first token was drawn with theirs. */
  async #copyPrompts(): Promise<void> {
    for (const run of this.#runs) {
      const { leader, job, answer } = run;
      if (leader === undefined || run.nextToken === undefined) continue;
      if (job.isEnded || answer.finish !== undefined) continue;
      try {
        await this.#options.cells.copy(leader.slot, run.slot);
        run.leader = undefined;
      } catch (error) {
        job.fail(toErrorEvent(toStepError(error)));
      }
    }
  }

  /** A decode that failed costs the requests in its batch, whose cells are in doubt, and nobody else. */
  #failStep(plan: readonly StepShare<Run>[], error: unknown): void {
    const event = toErrorEvent(toStepError(error));
    for (const { run } of plan) {
      this.#options.cells.drop(run.slot);
      if (!run.job.isEnded) run.job.fail(event);
    }
  }
}

/** A run whose next token is drawn from the logits at the first place of the batch, the guessed ones at the others. */
interface Draw {
  readonly run: Run;
  readonly logitIndexes: Uint32Array;
}

/** Places in a run's part of the batch whose logits are needed: the last of a prompt, every one of an answer. */
function wantedLogits({ nextToken, job, slot }: Run, tokens: number): Uint32Array {
  if (nextToken !== undefined) return Uint32Array.from({ length: tokens }, (_, index) => index);
  const isWhole = slot.cells.length + tokens === job.prompt.length;
  return isWhole ? Uint32Array.of(tokens - 1) : NO_LOGITS;
}

const NO_LOGITS = new Uint32Array(0);
