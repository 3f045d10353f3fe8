/** The pulls of this node, by model. */
import { rm } from 'node:fs/promises';

import { CortexError, type PullReport } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import { formatSource } from '../source.ts';
import { Pull, type PullBytes, type PullDeps, type PullRequest } from './pull.ts';

/** Ended pulls that are still listed. */
const MAX_ENDED = 100;
/**
 * How long a failed pull is listed, with its reason. Its model counts as one that cannot serve meanwhile, so it is
 * long enough to be seen, and not for ever.
 */
const KEEP_FAILED_MS = 3_600_000;
/** Shortest time between two reports of the bytes of one pull. */
const PROGRESS_MS = 1000;

export interface PullsOptions extends PullDeps {
  readonly log: Logger;
}

export interface PullWait {
  /** Ends the wait, not the pull. */
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: PullBytes) => void;
}

/** Called after a change of the pull of a model: begun, progressed, ended. */
export type PullListener = (modelId: string) => void;

const sameFiles = (a: PullRequest, b: PullRequest): boolean =>
  formatSource(a.source) === formatSource(b.source) &&
  a.quant?.toUpperCase() === b.quant?.toUpperCase();

export class Pulls {
  readonly #options: PullsOptions;
  readonly #pulls = new Map<string, Pull>();
  readonly #listeners = new Set<PullListener>();
  readonly #progress = new Map<Pull, { atMs: number; tenths: number }>();
  #isClosed = false;

  constructor(options: PullsOptions) {
    this.#options = options;
  }

  /** The running pull of the model, or else its last one. */
  get(modelId: string): Pull | undefined {
    return this.#pulls.get(modelId);
  }

  get all(): readonly Pull[] {
    return [...this.#pulls.values()];
  }

  onChange(listener: PullListener): void {
    this.#listeners.add(listener);
  }

  /**
   * Starts a pull, or returns the one that runs for the same files.
   *
   * @throws CortexError `conflict` if the model is pulled from another source; `shutting_down`
   */
  start(request: PullRequest): Pull {
    const { modelId } = request;
    if (this.#isClosed) throw new CortexError('shutting_down', 'This node is shutting down.');
    const running = this.#pulls.get(modelId);
    if (running?.isRunning) {
      if (sameFiles(running.request, request)) return running;
      const { source, quant } = running.report();
      const what = quant === undefined ? source : `${source} (${quant})`;
      throw new CortexError(
        'conflict',
        `${modelId} is being pulled from ${what}. Cancel that pull, or wait for its end.`,
        { extra: { keys: ['source', 'quant'] } },
      );
    }
    this.#forgetOldest();
    // A later start is listed after the others.
    this.#pulls.delete(modelId);
    const pull = new Pull(request, this.#options, (changed) => this.#changed(changed));
    this.#pulls.set(modelId, pull);
    this.#options.log.info({ model: modelId, source: formatSource(request.source) }, 'pull begins');
    this.#emit(modelId);
    return pull;
  }

  /**
   * Waits for the files of the model, which are pulled if they are not already. The pull goes on when the caller
   * leaves.
   *
   * @throws CortexError why it failed or was cancelled; the reason of `signal`
   */
  async pulled(request: PullRequest, { signal, onProgress }: PullWait): Promise<void> {
    const pull = this.start(request);
    const listener: PullListener = (modelId) => {
      if (modelId === request.modelId) onProgress(pull.bytes);
    };
    this.#listeners.add(listener);
    const left = Promise.withResolvers<never>();
    const onAbort = (): void => left.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      onProgress(pull.bytes);
      await Promise.race([pull.ended, left.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#listeners.delete(listener);
    }
    if (pull.error) throw pull.error;
    if (pull.report().status !== 'done') {
      throw new CortexError('model_load_failed', `The pull of ${request.modelId} was cancelled.`, {
        transient: true,
      });
    }
  }

  /** Cancels the pull of a model and removes its incomplete files. @throws CortexError `model_not_found` */
  async cancel(modelId: string): Promise<PullReport> {
    const pull = this.#pulls.get(modelId);
    if (!pull) throw noPull(modelId);
    if (pull.isRunning) await pull.stop();
    const inUse = new Set(
      this.all.filter((other) => other.isRunning).flatMap(({ partialPaths }) => partialPaths),
    );
    for (const path of pull.partialPaths) {
      if (!inUse.has(path)) await rm(path, { force: true });
    }
    this.#pulls.delete(modelId);
    this.#emit(modelId);
    return pull.report();
  }

  /** Runs every second: forgets pulls that failed an hour ago. */
  sweep(): void {
    for (const pull of this.all.filter((one) => one.hasFailedFor(KEEP_FAILED_MS))) {
      this.#pulls.delete(pull.request.modelId);
      this.#emit(pull.request.modelId);
    }
  }

  /** Ends all pulls; what was downloaded is taken up by the next pull. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.all.filter(({ isRunning }) => isRunning).map((pull) => pull.stop()));
  }

  #forgetOldest(): void {
    const ended = this.all.filter(({ isRunning }) => !isRunning);
    for (const { request } of ended.slice(0, Math.max(0, ended.length - MAX_ENDED + 1))) {
      this.#pulls.delete(request.modelId);
    }
  }

  #emit(modelId: string): void {
    for (const listener of this.#listeners) listener(modelId);
  }

  #changed(pull: Pull): void {
    const { log, nowMs } = this.#options;
    const { modelId } = pull.request;
    if (!pull.isRunning) {
      this.#progress.delete(pull);
      this.#logEnd(pull);
      this.#emit(modelId);
      return;
    }
    const last = this.#progress.get(pull);
    // Bytes change with every chunk.
    if (last && nowMs() - last.atMs < PROGRESS_MS) return;
    const { progress = 0, bytes_done, bytes_total, bytes_per_s, eta_s } = pull.report();
    const tenths = Math.floor(progress * 10);
    if (last && tenths > last.tenths) {
      log.info({ model: modelId, bytes_done, bytes_total, bytes_per_s, eta_s }, 'pull progress');
    }
    this.#progress.set(pull, { atMs: nowMs(), tenths });
    this.#emit(modelId);
  }

  #logEnd(pull: Pull): void {
    const { log } = this.#options;
    const { status, bytes_total: bytes, error } = pull.report();
    const fields = { model: pull.request.modelId, bytes };
    if (status === 'failed') log.error({ ...fields, reason: error }, 'pull failed');
    else log.info(fields, status === 'done' ? 'pull complete' : 'pull cancelled');
  }
}

export const noPull = (modelId: string): CortexError =>
  new CortexError('model_not_found', `This node has no pull of ${modelId}.`);
