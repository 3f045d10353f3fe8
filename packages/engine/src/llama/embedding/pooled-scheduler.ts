import type { CortexError } from '@cortex/protocol';

import type { EngineStats } from '../../engine/stats.ts';
import { abortIfOutOfMemory } from '../out-of-memory.ts';
import type { NativeContext } from '../native-types.ts';
import { toStepError } from '../scheduler/step-error.ts';
import { StepStats } from '../scheduler/step-stats.ts';
import { unloading } from '../unloading.ts';
import { PooledJob, type PooledJobOptions } from './pooled-job.ts';
import type { PooledSize } from './pooled-size.ts';
import { Turns } from './turns.ts';

export interface PooledSchedulerOptions extends PooledSize {
  readonly context: Pick<
    NativeContext,
    'initBatch' | 'addToBatch' | 'decodeBatch' | 'disposeSequence' | 'getEmbedding'
  >;
  /** Requests that are reported as busy; the rest are reported as waiting. All of them take turns. */
  readonly slots: number;
  readonly nowMs: () => number;
}

/** The library returns only the vector of this sequence, so one input is decoded at a time. */
const SEQUENCE = 0;

/**
 * Computes one vector per input. Principals and their requests take turns, input by input.
 *
 * A cancel takes effect before the next decode. All access to the context happens between two decodes.
 */
export class PooledScheduler {
  readonly #options: PooledSchedulerOptions;
  readonly #turns = new Turns<PooledJob>();
  readonly #stats = new StepStats();
  #isLooping = false;
  #closing: CortexError | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: PooledSchedulerOptions) {
    this.#options = options;
  }

  /**
   * One vector per input, in order, as the library returns it: not scaled and not cut.
   *
   * @throws CortexError `client_closed_request` if `signal` aborts, `shutting_down` if the scheduler closes.
   */
  async vectorsOf(request: PooledJobOptions): Promise<readonly Float64Array[]> {
    this.checkOpen();
    if (request.inputs.length === 0) return [];
    const job = new PooledJob(request);
    const onAbort = (): void => {
      this.#turns.remove(job);
      job.cancel();
    };
    if (request.signal.aborted) onAbort();
    else this.#turns.add(job);
    request.signal.addEventListener('abort', onAbort, { once: true });
    void this.#loop();
    try {
      return await job.vectors;
    } finally {
      request.signal.removeEventListener('abort', onAbort);
    }
  }

  stats(): Omit<EngineStats, 'rssMib'> {
    const busySlots = Math.min(this.#turns.length, this.#options.slots);
    return {
      queueDepth: this.#turns.length - busySlots,
      slots: this.#options.slots,
      busySlots,
      runnableSlots: busySlots,
      kvCellsUsed: 0,
      kvCellsTotal: 0,
      ...this.#stats.read(this.#options.nowMs()),
    };
  }

  /** @throws CortexError `shutting_down` once it closes. */
  checkOpen(): void {
    if (this.#closing !== undefined) throw this.#closing;
  }

  /** Ends all requests with `shutting_down`, and waits for the current decode. */
  async close(): Promise<void> {
    const closing = unloading();
    this.#closing = closing;
    for (const job of Array.from(this.#turns)) {
      this.#turns.remove(job);
      job.fail(closing);
    }
    if (this.#isLooping) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  async #loop(): Promise<void> {
    if (this.#isLooping) return;
    this.#isLooping = true;
    for (let job = this.#turns.next(); job !== undefined; job = this.#turns.next())
      await this.#serve(job);
    this.#isLooping = false;
    this.#onIdle?.();
  }

  /** Computes one vector of `job`. Never throws: an error ends the job. */
  async #serve(job: PooledJob): Promise<void> {
    const { next } = job;
    try {
      if (next !== undefined && (await this.#decode(job, next)))
        job.add(this.#options.context.getEmbedding(next.length, 0));
    } catch (error) {
      abortIfOutOfMemory(error);
      job.fail(toStepError(error));
    }
    if (job.isSettled) this.#turns.remove(job);
  }

  /** False if `job` ended before its input was decoded. */
  async #decode(job: PooledJob, input: Uint32Array): Promise<boolean> {
    const { context, batchTokens, nowMs } = this.#options;
    context.disposeSequence(SEQUENCE);
    for (let from = 0; from < input.length; from += batchTokens) {
      if (job.isSettled) return false;
      const part = input.subarray(from, from + batchTokens);
      const startMs = nowMs();
      context.initBatch(part.length);
      // Pooling needs the vector of every token.
      context.addToBatch(
        SEQUENCE,
        from,
        part,
        part.map((_, index) => index),
      );
      await context.decodeBatch();
      this.#record(part.length, nowMs() - startMs);
    }
    return !job.isSettled;
  }

  #record(promptTokens: number, ms: number): void {
    const atMs = this.#options.nowMs();
    const sequences = { sequences: 1, promptSequences: 1 };
    this.#stats.record({ ...sequences, promptTokens, generatedTokens: 0, ms, atMs });
  }
}
