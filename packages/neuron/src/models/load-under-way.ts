import { CortexError, type LoadModelRequest } from '@cortex/protocol';

import type { LoadSettings } from '../harness/load-settings.ts';
import { Waiters } from './waiters.ts';

/** What the work of a load tells of itself. */
export interface LoadReports {
  readonly signal: AbortSignal;
  /** Nothing can be refused at once any more. */
  readonly prepared: () => void;
  /** 0 to 1. */
  readonly progress: (ratio: number) => void;
}

/** A load that runs: who waits for it, how far it is, and how it ends. */
export class LoadUnderWay {
  readonly settings: LoadSettings;
  /** Rejects with the reason of the failure; so does `prepared`, where it came before. */
  readonly done: Promise<void>;
  readonly prepared: Promise<void>;
  readonly #modelId: string;
  readonly #controller = new AbortController();
  readonly #waiters: Waiters;
  #ratio = 0;

  /**
   * Starts `work`, in a turn of its own.
   *
   * @param onAbandoned - Called when nobody waits for it any more and nobody asked for it in his own name.
   */
  constructor(
    options: {
      readonly modelId: string;
      readonly settings: LoadSettings;
      readonly onAbandoned: () => void;
      readonly abandonMs: number | undefined;
    },
    work: (reports: LoadReports) => Promise<void>,
  ) {
    this.settings = options.settings;
    this.#modelId = options.modelId;
    this.#waiters = new Waiters(options.onAbandoned, options.abandonMs);
    const prepared = Promise.withResolvers<void>();
    this.prepared = prepared.promise;
    this.done = Promise.resolve()
      .then(() =>
        work({
          signal: this.#controller.signal,
          prepared: prepared.resolve,
          progress: (ratio) => {
            this.#ratio = ratio;
          },
        }),
      )
      .finally(() => this.#waiters.close());
    this.done.catch(prepared.reject);
    // Whoever waits sees the reason; without anybody it is in `/models` and in the log.
    this.prepared.catch(() => undefined);
  }

  /** 0 to 1. */
  get ratio(): number {
    return this.#ratio;
  }

  get isCancelled(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Ends it; `done` rejects when what it took is free again. */
  cancel(): void {
    this.#controller.abort(
      new CortexError('model_load_failed', `The load of ${this.#modelId} was cancelled.`, {
        transient: true,
      }),
    );
  }

  /**
   * One more caller. With `wait` it holds until the load has ended, without until its preconditions held.
   *
   * @throws CortexError why it failed; the reason of `wait` when that aborts
   */
  async join(request: LoadModelRequest, wait: AbortSignal | undefined): Promise<void> {
    if (request.detached === true || !wait) this.#waiters.detach();
    await (wait ? this.#waiters.wait(this.done, wait) : this.prepared);
  }
}
