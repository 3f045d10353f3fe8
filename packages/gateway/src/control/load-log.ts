import { type CortexError } from '@cortex/protocol';

import type { ControlLog } from './control.ts';

/** A client that repeats its request repeats the failure: its log lines come at most this often. */
const LOG_EVERY_MS = 60_000;
/** Per node; beyond it the oldest entry is dropped. Needed because nodes choose the model names. */
const MAX_MODELS = 1_000;

export interface LoadTarget {
  readonly model: string;
  readonly node: string;
}

interface Failure {
  readonly reason: string;
  readonly isTransient: boolean;
  /** When a failure like this one was last logged; monotonic. */
  readonly loggedMs: number;
}

/** The log lines of loads: a failure that repeats is logged once per minute. */
export class LoadLog {
  readonly #log: ControlLog;
  readonly #byNode = new Map<string, Map<string, Failure>>();

  constructor(log: ControlLog) {
    this.#log = log;
  }

  began(target: LoadTarget, victims: readonly string[], nowMs: number): void {
    const evicts = victims.length > 0 ? { evicts: victims } : {};
    const level = this.#isFresh(this.#last(target), nowMs) ? 'debug' : 'info';
    this.#log[level]({ ...target, ...evicts }, 'loading');
  }

  ended(target: LoadTarget, loadMs: number): void {
    this.#byNode.get(target.node)?.delete(target.model);
    this.#log.info({ ...target, loadMs: Math.round(loadMs) }, 'loaded');
  }

  failed(target: LoadTarget, error: CortexError, isTransient: boolean, nowMs: number): void {
    const last = this.#last(target);
    // The text of a temporary reason changes with every attempt, for example the memory that is missing.
    const isAlike = last?.reason === error.message || (last?.isTransient === true && isTransient);
    const isRepeat = isAlike && this.#isFresh(last, nowMs);
    const loggedMs = isRepeat && last ? last.loggedMs : nowMs;
    this.#remember(target, { reason: error.message, isTransient, loggedMs });
    const level = isRepeat ? 'debug' : 'warn';
    this.#log[level]({ ...target, code: error.code, reason: error.message }, 'load failed');
  }

  #last({ node, model }: LoadTarget): Failure | undefined {
    return this.#byNode.get(node)?.get(model);
  }

  #isFresh(failure: Failure | undefined, nowMs: number): boolean {
    return failure !== undefined && nowMs - failure.loggedMs < LOG_EVERY_MS;
  }

  #remember({ node, model }: LoadTarget, failure: Failure): void {
    const byModel = this.#byNode.get(node) ?? new Map<string, Failure>();
    // Moved to the end: the first key is the oldest one.
    byModel.delete(model);
    byModel.set(model, failure);
    const [oldest] = byModel.keys();
    if (byModel.size > MAX_MODELS && oldest !== undefined) byModel.delete(oldest);
    this.#byNode.set(node, byModel);
  }
}
