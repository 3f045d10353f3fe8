import { CortexError } from '@cortex/protocol';

import type { EngineStats, TokenLogprob } from '../../engine.ts';
import type { NativeContext, NativeSampler, SamplerConfig, Token } from '../binding.ts';
import type { Answer } from './answer.ts';
import type { Job } from './job.ts';
import { planStep } from './plan-step.ts';
import { PrincipalQueue } from './principal-queue.ts';
import { chooseSlot, createSlots, type Slot, sharedPrefix } from './slots.ts';
import { StepStats } from './step-stats.ts';

/** Prompt tokens that another slot must hold beyond the best free one for a copy of its cells to pay. */
const MIN_COPY_TOKENS = 64;

/** What the scheduler needs of the loaded model. */
export interface SchedulerModel {
  readonly context: NativeContext;
  isEndOfGeneration(token: Token): boolean;
  createSampler(config: SamplerConfig): NativeSampler;
  /** Log-probability of `token` from raw logits, before the sampler chain. */
  readLogprob(
    logitIndex: number,
    of: { readonly token: Token; readonly top: number },
  ): Promise<TokenLogprob>;
}

export interface SchedulerOptions {
  readonly model: SchedulerModel;
  readonly slots: number;
  readonly contextTokens: number;
  readonly batchTokens: number;
  readonly prefillChunkTokens: number;
  readonly nowMs: () => number;
}

/** One choice of one job on its slot. */
interface Run {
  readonly job: Job;
  readonly answer: Answer;
  readonly slot: Slot;
  readonly sampler: NativeSampler;
  readonly config: SamplerConfig;
  /** The run whose prompt cells this one copies instead of decoding them; undefined once they are there. */
  leader: Run | undefined;
  /** Drawn and not decoded yet; undefined while the prompt is being decoded. */
  nextToken: Token | undefined;
}

/**
 * Continuous batching over the slots of one context.
 *
 * Each step: drop what was cancelled, admit, one token for everybody who generates, prompt chunks into the rest,
 * decode, sample, hand out. Everything that touches the context happens between two decodes.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #slots: readonly Slot[];
  readonly #queue = new PrincipalQueue<Job>();
  readonly #stats = new StepStats();
  #runs: Run[] = [];
  #isLooping = false;
  /** Something changed since the loop last looked. */
  #isWoken = false;
  #closing: CortexError | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#slots = createSlots(options.slots);
  }

  get slots(): number {
    return this.#slots.length;
  }

  /** Puts `job` in line. Its `signal` ends it within one step, at once while it waits. */
  submit(job: Job): void {
    if (this.#closing !== undefined) return job.fail(toErrorEvent(this.#closing));
    this.#queue.add(job);
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
    const cells = this.#slots.reduce((total, slot) => total + slot.cells.length, 0);
    return {
      queueDepth: this.#queue.length,
      slots: this.#slots.length,
      busySlots: this.#slots.filter((slot) => slot.isBusy).length,
      runnableSlots: this.#runs.filter((run) => !isPaused(run)).length,
      kvCellsUsed: cells,
      kvCellsTotal: this.#slots.length * this.#options.contextTokens,
      ...this.#stats.read(this.#options.nowMs()),
    };
  }

  /** Admits nothing more, lets what runs and waits end within `graceMs`, ends the rest with `shutting_down`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = new CortexError('shutting_down', 'The model is being unloaded.');
    if (this.#queue.length > 0 || this.#runs.length > 0) {
      const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
      const grace = setTimeout(() => this.#failAll(), graceMs);
      this.wake();
      await idle;
      clearTimeout(grace);
    }
    while (this.#isLooping) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  #cancelWaiting(job: Job): void {
    if (this.#queue.remove(job)) job.cancel(this.#options.nowMs());
    this.wake();
  }

  #failAll(): void {
    const reason = toErrorEvent(
      this.#closing ?? new CortexError('shutting_down', 'The model is being unloaded.'),
    );
    for (let job = this.#queue.take(); job !== undefined; job = this.#queue.take())
      job.fail(reason);
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
      if (this.#queue.length === 0 && this.#runs.length === 0) this.#onIdle?.();
    }
  }

  /** One step; false when nothing can go on. */
  async #step(): Promise<boolean> {
    await this.#copyPrompts();
    this.#dropEnded();
    await this.#admit();
    const plan = planStep(this.#runs.filter(isReady).map(toPlanned), this.#options);
    if (plan.length === 0) return false;
    const startMs = this.#options.nowMs();
    const { context } = this.#options.model;
    const drawn: { run: Run; logitIndex: number }[] = [];
    let generatedTokens = 0;
    context.initBatch(plan.reduce((total, share) => total + share.tokens, 0));
    for (const { run, tokens } of plan) {
      const { slot, job, nextToken } = run;
      const from = slot.cells.length;
      const part =
        nextToken === undefined
          ? job.prompt.subarray(from, from + tokens)
          : Uint32Array.of(nextToken);
      const isDrawn = nextToken !== undefined || from + tokens === job.prompt.length;
      const [logitIndex] = context.addToBatch(
        slot.id,
        from,
        part,
        isDrawn ? Uint32Array.of(tokens - 1) : NO_LOGITS,
      );
      for (const token of part) slot.cells.push(token);
      if (isDrawn && logitIndex !== undefined) drawn.push({ run, logitIndex });
      if (nextToken !== undefined) generatedTokens++;
    }
    try {
      await context.decodeBatch();
      await Promise.all(drawn.map(({ run, logitIndex }) => this.#draw(run, logitIndex)));
    } catch (error) {
      this.#failStep(
        plan.map((share) => share.run),
        error,
      );
      return true;
    }
    const atMs = this.#options.nowMs();
    const ms = atMs - startMs;
    const promptTokens = plan.reduce((total, share) => total + share.tokens, 0) - generatedTokens;
    this.#stats.record({ sequences: plan.length, promptTokens, generatedTokens, ms, atMs });
    for (const job of new Set(drawn.map(({ run }) => run.job))) job.flush(ms, atMs);
    return true;
  }

  /** Draws the next token of `run` and takes it; several runs at once, each with a sampler of its own. */
  async #draw(run: Run, logitIndex: number): Promise<void> {
    const { job, answer, sampler, config } = run;
    const { model, nowMs, contextTokens } = this.#options;
    const { penalties } = job.sampling;
    if (penalties !== undefined && answer.tokens.length > 0) {
      sampler.applyConfig({
        ...config,
        repeatPenalty: penalties.repeat,
        repeatPenaltyPresencePenalty: penalties.presence,
        repeatPenaltyFrequencyPenalty: penalties.frequency,
        repeatPenaltyMaxTokens: contextTokens,
        repeatPenaltyTokens: Uint32Array.from(answer.tokens),
      });
    }
    const token = await model.context.sampleToken(logitIndex, sampler);
    const logprob =
      job.topLogprobs === undefined
        ? undefined
        : await model.readLogprob(logitIndex, { token, top: job.topLogprobs });
    const atMs = nowMs();
    job.promptDone(atMs);
    if (job.isEnded) return;
    if (model.isEndOfGeneration(token) && !job.sampling.ignoreEos)
      return job.add(answer.end('stop'), atMs);
    job.add(answer.push(token, logprob), atMs);
    run.nextToken = token;
  }

  /** Frees the slots of what is finished, cancelled or failed. */
  #dropEnded(): void {
    const nowMs = this.#options.nowMs();
    for (const { job } of this.#runs) if (job.signal.aborted && !job.isEnded) job.cancel(nowMs);
    this.#runs = this.#runs.filter((run) => {
      if (!run.job.isEnded && run.answer.finish === undefined) return true;
      this.#release(run, nowMs);
      return false;
    });
    // Who copies from a run that is gone decodes the prompt itself.
    for (const run of this.#runs)
      if (run.leader !== undefined && !this.#runs.includes(run.leader)) run.leader = undefined;
  }

  #release(run: Run, nowMs: number): void {
    run.sampler.dispose();
    run.slot.isBusy = false;
    run.slot.lastUsedMs = nowMs;
  }

  /** Gives free slots to those whose turn it is; one that needs several waits until they are free together. */
  async #admit(): Promise<void> {
    for (let job = this.#queue.peek(); job !== undefined; job = this.#queue.peek()) {
      if (this.#slots.filter((slot) => !slot.isBusy).length < job.answers.length) return;
      this.#queue.take();
      job.admitted(this.#options.nowMs());
      try {
        await this.#place(job);
      } catch (error) {
        job.fail(toErrorEvent(toStepError(error)));
      }
    }
  }

  async #place(job: Job): Promise<void> {
    let leader: Run | undefined;
    for (const answer of job.answers) {
      const choice = chooseSlot(this.#slots, job.prompt, MIN_COPY_TOKENS);
      if (choice === undefined) throw new Error('no slot is free');
      choice.slot.isBusy = true;
      const config = job.samplerConfig(answer);
      const sampler = this.#options.model.createSampler(config);
      const run: Run = {
        job,
        answer,
        slot: choice.slot,
        sampler,
        config,
        leader,
        nextToken: undefined,
      };
      this.#runs.push(run);
      if (leader !== undefined) continue;
      if (choice.copyFrom !== undefined) await this.#copyCells(choice.copyFrom, choice.slot);
      // The last token of the prompt is always decoded: its logits are needed.
      this.#cut(
        choice.slot,
        Math.min(sharedPrefix(choice.slot, job.prompt), job.prompt.length - 1),
      );
      job.cachedTokens = choice.slot.cells.length;
      leader = run;
    }
  }

  /** The further choices of a job take over the prompt cells of the first once they are complete. */
  async #copyPrompts(): Promise<void> {
    for (const run of this.#runs) {
      if (run.leader === undefined || run.leader.slot.cells.length < run.job.prompt.length)
        continue;
      await this.#copyCells(run.leader.slot, run.slot);
      this.#cut(run.slot, run.job.prompt.length - 1);
      run.leader = undefined;
    }
  }

  async #copyCells(source: Slot, target: Slot): Promise<void> {
    this.#cut(target, 0);
    await this.#options.model.context.copySequenceStateFromOtherSequence(target.id, source.id);
    for (const token of source.cells) target.cells.push(token);
  }

  /** Keeps the first `length` cells; none where the model's state cannot be cut there. */
  #cut(slot: Slot, length: number): void {
    if (slot.cells.length <= length) return;
    const { context } = this.#options.model;
    const isCut = length > 0 && context.removeTokenCellsFromSequence(slot.id, length, -1);
    if (!isCut) context.disposeSequence(slot.id);
    slot.cells.length = isCut ? length : 0;
  }

  /** A decode that failed costs the requests in its batch, whose cells are in doubt, and nobody else. */
  #failStep(runs: readonly Run[], error: unknown): void {
    const event = toErrorEvent(toStepError(error));
    for (const run of runs) {
      this.#cut(run.slot, 0);
      if (!run.job.isEnded) run.job.fail(event);
    }
  }
}

const NO_LOGITS = new Uint32Array(0);

const isPaused = (run: Run): boolean => run.nextToken !== undefined && run.job.events.isFull;

const isReady = (run: Run): boolean => run.leader === undefined && !isPaused(run);

const toPlanned = (run: Run): { run: Run; promptTokensLeft: number } => ({
  run,
  promptTokensLeft: run.nextToken === undefined ? run.job.prompt.length - run.slot.cells.length : 0,
});

const toStepError = (error: unknown): CortexError =>
  error instanceof CortexError
    ? error
    : new CortexError(
        'internal_error',
        `The engine could not decode: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );

const toErrorEvent = (
  error: CortexError,
): { type: 'error'; code: CortexError['code']; message: string; param?: string } => ({
  type: 'error',
  code: error.code,
  message: error.message,
  ...(error.details.param !== undefined && { param: error.details.param }),
});
