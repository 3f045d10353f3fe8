/** Loads the default models once the port is bound (behaviour 25). */
import { type LoadModelRequest, type NodeHealth, toCortexError } from '@cortex/protocol';
import { type Logger } from '@cortex/service';

import type { Pause } from '../pause.ts';
import type { Models } from './models.ts';

/** Pauses before a default model with a transient failure is tried again; the last one repeats. */
const RETRY_PAUSES_MS = [10_000, 30_000, 60_000, 120_000, 300_000] as const;

type Report = NodeHealth['activation'];

interface ActivationOptions {
  readonly models: Models;
  readonly log: Logger;
  /** Aborts when the daemon shuts down; nothing is tried again after that. */
  readonly signal: AbortSignal;
  readonly pause: Pause;
}

export class Activation {
  readonly #requests: readonly LoadModelRequest[];
  readonly #models: Models;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #wait: Pause;
  readonly #pending = new Set<string>();
  readonly #completed = new Set<string>();
  readonly #failed = new Map<string, string>();
  #inProgress: string | undefined;

  constructor(
    requests: readonly LoadModelRequest[],
    { models, log, signal, pause }: ActivationOptions,
  ) {
    this.#requests = requests;
    this.#models = models;
    this.#log = log;
    this.#signal = signal;
    this.#wait = pause;
    for (const { model_id: id } of requests) this.#pending.add(id);
  }

  /** For `/health`. `ready` once each default model is loaded or has failed permanently. */
  report(): Report {
    const isReady = this.#pending.size === 0 && this.#inProgress === undefined;
    return {
      state: isReady ? 'ready' : 'pre_warming',
      pending: [...this.#pending],
      in_progress: this.#inProgress,
      completed: [...this.#completed],
      failed: [...this.#failed]
        // A request may have loaded the model since.
        .filter(([id]) => this.#models.get(id)?.state !== 'loaded')
        .map(([model_id, error]) => ({ model_id, error })),
    };
  }

  /** Loads the models one after the other, and retries transient failures later. Never rejects. */
  async run(): Promise<void> {
    let remaining = this.#requests;
    for (let round = 0; remaining.length > 0 && !this.#signal.aborted; round += 1) {
      if (round > 0) await this.#pause(round);
      const again: LoadModelRequest[] = [];
      for (const request of remaining) {
        if (this.#signal.aborted) return;
        if ((await this.#load(request)) === 'again') again.push(request);
      }
      remaining = again;
    }
  }

  async #pause(round: number): Promise<void> {
    const pauseMs = RETRY_PAUSES_MS[Math.min(round, RETRY_PAUSES_MS.length) - 1];
    await this.#wait(pauseMs ?? 0, this.#signal).catch(() => undefined);
  }

  async #load(request: LoadModelRequest): Promise<'done' | 'again'> {
    const id = request.model_id;
    this.#pending.delete(id);
    this.#inProgress = id;
    try {
      await this.#models.load({ ...request, detached: true }, this.#signal);
      this.#completed.add(id);
      this.#failed.delete(id);
      return 'done';
    } catch (thrown) {
      if (this.#signal.aborted) return 'done';
      const error = toCortexError(thrown);
      this.#failed.set(id, error.message);
      this.#log.error({ model: id, reason: error.message }, 'a default model could not be loaded');
      if (!error.isRetryable) return 'done';
      this.#pending.add(id);
      return 'again';
    } finally {
      this.#inProgress = undefined;
    }
  }
}
