import { CortexError, type LoadModelRequest } from '@cortex/protocol';

import type { LoadSettings } from '../harness/load-settings.ts';
import { etaS } from './load-time.ts';
import { Waiters } from './waiters.ts';

/** Reports from the work of a load. */
export interface LoadReports {
  readonly signal: AbortSignal;
  /** The preconditions hold; the load has begun. */
  readonly prepared: () => void;
  /** 0 to 1. */
  readonly progress: (ratio: number) => void;
}

const percent = (ratio: number): number => Math.floor(ratio * 100);

/** A load under way: its waiters, its progress and its end. */
export class LoadUnderWay {
  readonly settings: LoadSettings;
  /** Rejects with the reason of the failure; so does `prepared` if the failure comes first. */
  readonly done: Promise<void>;
  readonly prepared: Promise<void>;
  readonly #modelId: string;
  readonly #controller = new AbortController();
  readonly #waiters: Waiters;
  readonly #beganMs = performance.now();
  readonly #lastLoadMs: number | undefined;
  #ratio = 0;

  /**
   * Starts `work` in a later turn.
   *
   * @param lastLoadMs - Duration of the last load of this model; undefined if there was none.
   * @param onProgress - Called when the progress in whole percent has changed.
   * @param onAbandoned - Called when the last waiter has left and no detached caller asked for the load.
   */
  constructor(
    options: {
      readonly modelId: string;
      readonly settings: LoadSettings;
      readonly lastLoadMs: number | undefined;
      readonly onProgress: () => void;
      readonly onAbandoned: () => void;
      readonly abandonMs: number | undefined;
    },
    work: (reports: LoadReports) => Promise<void>,
  ) {
    this.settings = options.settings;
    this.#modelId = options.modelId;
    this.#lastLoadMs = options.lastLoadMs;
    this.#waiters = new Waiters(options.onAbandoned, options.abandonMs);
    const prepared = Promise.withResolvers<void>();
    this.prepared = prepared.promise;
    this.done = Promise.resolve()
      .then(() =>
        work({
          signal: this.#controller.signal,
          prepared: prepared.resolve,
          progress: (ratio) => {
            const isNews = percent(ratio) !== percent(this.#ratio);
            this.#ratio = ratio;
            if (isNews) options.onProgress();
          },
        }),
      )
      .finally(() => this.#waiters.close());
    this.done.catch(prepared.reject);
    // Waiters get the reason; it is also in `/models` and in the log.
    this.prepared.catch(() => undefined);
  }

  /** 0 to 1. */
  get ratio(): number {
    return this.#ratio;
  }

  /** Whole seconds until its expected end; undefined if unknown. */
  etaS(nowMs: number): number | undefined {
    const elapsedMs = nowMs - this.#beganMs;
    return etaS({ elapsedMs, ratio: this.#ratio, lastLoadMs: this.#lastLoadMs });
  }

  /** True while no caller waits and none asked for it without waiting. */
  get isAbandoned(): boolean {
    return this.#waiters.isAbandoned;
  }

  get isCancelled(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Cancels the load; `done` rejects once its memory is free. */
  cancel(): void {
    this.#controller.abort(
      new CortexError('model_load_failed', `The load of ${this.#modelId} was cancelled.`, {
        transient: true,
      }),
    );
  }

  /**
   * Adds a caller. With `wait` it resolves when the load has ended, without `wait` when the preconditions hold.
   *
   * @throws CortexError why it failed; the reason of `wait` when that aborts
   */
  async join(request: LoadModelRequest, wait: AbortSignal | undefined): Promise<void> {
    if (request.detached === true || !wait) this.#waiters.detach();
    await (wait ? this.#waiters.wait(this.done, wait) : this.prepared);
  }
}
