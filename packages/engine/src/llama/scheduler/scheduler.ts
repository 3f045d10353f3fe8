import type { CortexError } from '@cortex/protocol';

import type { EngineStats } from '../../engine/stats.ts';
import { abortIfOutOfMemory } from '../out-of-memory.ts';
import type { NativeSampler, SamplerConfig } from '../native-types.ts';
import type { PromptCache } from '../prompt-cache/prompt-cache.ts';
import type { Drafter } from '../speculation/drafter.ts';
import { unloading } from '../unloading.ts';
import { Admission } from './admission.ts';
import { StepSampler } from './sample-step.ts';
import { fillBatch } from './fill-batch.ts';
import { StepDrafter } from './draft-step.ts';
import { StepEmitter } from './emit-step.ts';
import type { Job } from './job.ts';
import type { CostRates } from '../cells/place-cost.ts';
import { nextTurns, passesOf, planStep, type StepShare } from './plan-step.ts';
import { plannedRun, takeCheckpoints } from './prompt-stops.ts';
import { isPaused, isReady, type Run } from './run.ts';
import type { SchedulerModel } from './scheduler-model.ts';
import type { SlotCells } from '../cells/slot-cells.ts';
import type { Slot } from '../cells/slots.ts';
import { toErrorEvent, toStepError } from './step-error.ts';
import { StepStats } from './step-stats.ts';

/** Used until prompts have been measured: the speed of an 8B model on a small GPU, or a 0.1B model on one core. */
const DECODE_MS_PER_TOKEN = 1;

export interface SchedulerOptions {
  readonly model: SchedulerModel;
  readonly slots: readonly Slot[];
  readonly cells: SlotCells;
  /** Conversations that lost their slot; undefined: they are discarded. */
  readonly cache: PromptCache | undefined;
  readonly contextTokens: number;
  readonly batchTokens: number;
  readonly prefillChunkTokens: number;
  /** Whether the text at temperature 0 is the same in any batch: see `passesOf`. */
  readonly isBatchInvariant: boolean;
  /** Drafts tokens for speculative decoding; undefined: none. */
  readonly drafter?: Drafter | undefined;
  readonly nowMs: () => number;
}

/**
 * Continuous batching over the slots of one context.
 *
 * Each step drops cancelled requests, admits waiting ones, plans one token per generating run and prompt chunks for the
 * rest, decodes, samples and emits. All access to the context happens between two decodes.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #admission: Admission;
  readonly #stats = new StepStats();
  readonly #stepDrafter: StepDrafter | undefined;
  readonly #emitter = new StepEmitter();
  readonly #stepSampler: StepSampler;
  #uncounted: Step | undefined;
  /** In the order of their turns; prompts in the order of admission. */
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
    const rates = (): CostRates => this.#rates();
    this.#admission = new Admission({ ...options, createSampler, rates });
    const { drafter, cells, contextTokens } = options;
    const stats = this.#stats;
    this.#stepDrafter = drafter && new StepDrafter({ drafter, cells, contextTokens, stats });
    this.#stepSampler = new StepSampler({
      ...options,
      stats,
      emitter: this.#emitter,
      isDrafting: drafter !== undefined,
    });
  }

  /** Queues `job`. Its `signal` ends it within one step, or at once while it waits. */
  submit(job: Job): void {
    if (this.#closing !== undefined) return job.fail(toErrorEvent(this.#closing));
    this.#admission.queue.add(job);
    job.signal.addEventListener('abort', () => this.#cancelWaiting(job), { once: true });
    this.wake();
  }

  /** Call it after a change that may let the loop continue: new work, room at a consumer, a cancel. */
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
      promptCache: cache?.stats(),
    };
  }

  /**
   * Admits no more requests, lets running and waiting ones end within `graceMs`, and ends the rest with
   * `shutting_down`.
   */
  async close(graceMs: number): Promise<void> {
    this.#closing = unloading();
    if (!this.#isIdle) {
      const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
      const grace = setTimeout(() => this.#failAll(), graceMs);
      this.wake();
      await idle;
      clearTimeout(grace);
    }
    while (this.#isLooping) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  #rates(): CostRates {
    const { cache, nowMs } = this.#options;
    const { tokSPrefill } = this.#stats.read(nowMs());
    return {
      decodeMsPerToken: tokSPrefill === undefined ? DECODE_MS_PER_TOKEN : 1000 / tokSPrefill,
      moveMsPerCell: cache?.moveMsPerCell ?? 0,
      savedFromTokens: cache?.savedFromTokens,
    };
  }

  get #isIdle(): boolean {
    return this.#admission.queue.length === 0 && this.#runs.length === 0;
  }

  #cancelWaiting(job: Job): void {
    if (this.#admission.queue.remove(job)) job.cancel(this.#options.nowMs());
    this.wake();
  }

  #failAll(): void {
    const reason = toErrorEvent(unloading());
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

  /** One step; false if nothing can continue. */
  async #step(): Promise<boolean> {
    if (this.#runs.some(({ leader }) => leader !== undefined)) await this.#copyPrompts();
    this.#dropEnded();
    if (this.#admission.isDue) {
      // Fetching cells may take a while.
      this.#finishStep();
      await this.#admission.admit(this.#runs);
      // A request that was cancelled during the fetch is not decoded, and its slot is free for the next.
      if (this.#dropEnded()) return true;
    }
    const ready = this.#runs.filter(isReady);
    const startMs = this.#options.nowMs();
    if (this.#stepDrafter !== undefined) {
      const drafted = this.#stepDrafter.draft(ready.filter((run) => run.nextToken !== undefined));
      this.#finishStep();
      await drafted;
    }
    const plan = planStep(
      ready.map((run) => plannedRun(run, this.#options)),
      this.#options,
    );
    if (plan.length === 0) return this.#finishStep();
    if (plan.length < this.#runs.length) this.#runs = nextTurns(this.#runs, plan);
    let generatedTokens = 0;
    for (const pass of passesOf(plan, this.#options)) {
      try {
        const rows = fillBatch(this.#options.model.context, pass, this.#runs);
        const decoded = this.#options.model.context.decodeBatch();
        this.#finishStep();
        await decoded;
        generatedTokens += await this.#stepSampler.all(rows);
        const atMs = this.#options.nowMs();
        this.#emitter.sampledAt({ atMs, stepMs: atMs - startMs });
      } catch (error) {
        this.#finishStep();
        abortIfOutOfMemory(error);
        this.#failStep(pass, error);
      }
    }
    const checkpoints = takeCheckpoints(plan, this.#options);
    if (checkpoints !== undefined) await checkpoints;
    this.#uncounted = { plan, startMs, atMs: this.#options.nowMs(), generatedTokens };
    return true;
  }

  /**
   * Counts the last step and emits its tokens: during the next decode, or at once if there is none or cells are moved
   * first. False if there was nothing to emit.
   */
  #finishStep(): boolean {
    if (this.#uncounted !== undefined) this.#record(this.#uncounted);
    this.#uncounted = undefined;
    return this.#emitter.emit();
  }

  #record({ plan, startMs, atMs, generatedTokens }: Step): void {
    const prompts = plan.filter(({ isPrompt }) => isPrompt);
    this.#stats.record({
      sequences: plan.length,
      promptSequences: prompts.length,
      promptTokens: prompts.reduce((sum, { tokens }) => sum + tokens, 0),
      generatedTokens,
      ms: atMs - startMs,
      atMs,
    });
  }

  /** Frees the slots of runs that are finished, cancelled or failed. False if there were none. */
  #dropEnded(): boolean {
    if (!this.#runs.some(isEnding)) return false;
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

  /**
   * Copies the prompt cells of a job's first choice for its further choices. Their first token comes from the same
   * logits.
   */
  async #copyPrompts(): Promise<void> {
    this.#finishStep();
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

  /** Ends the requests in the batch of a failed decode, and drops their cells, which are unreliable. */
  #failStep(plan: readonly StepShare<Run>[], error: unknown): void {
    const event = toErrorEvent(toStepError(error));
    for (const { run } of plan) {
      this.#options.cells.drop(run.slot);
      if (!run.job.isEnded) run.job.fail(event);
    }
  }
}

const isEnding = ({ job, answer }: Run): boolean =>
  job.isEnded || job.signal.aborted || answer.finish !== undefined;

/** A step that was decoded and sampled. */
interface Step {
  readonly plan: readonly StepShare<Run>[];
  readonly startMs: number;
  readonly atMs: number;
  /** Sampled tokens that are not the first of their answer. */
  readonly generatedTokens: number;
}
