/**
 * One process that is kept running: started, watched, started again when it dies, given up when it dies too often
 * (behaviours 28 and 29). It knows nothing of what the process does.
 */
import { type CortexError, toCortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { AwakeClock } from '../awake-clock.ts';
import type { Every } from '../every.ts';

/**
 * Deaths within `DEATH_WINDOW_MS` after which the process is given up: endless restarts are worse than a reported
 * failure.
 */
const MAX_DEATHS = 4;
const DEATH_WINDOW_MS = 600_000;
/** Used until a start has been timed. */
const ASSUMED_START_MS = 5000;

/** A process that is ready for work. */
export interface ReadyProcess {
  /** Resolves with the cause when the process has ended. */
  readonly ended: Promise<string>;
  /** Ends it now. `cause` is what `ended` then reports. */
  kill(cause?: string): void;
}

/** One start of the process. */
export interface StartAttempt {
  /** False after a death. */
  readonly isFirst: boolean;
  /** 0 to 1. */
  readonly progress: (ratio: number) => void;
  readonly signal: AbortSignal;
}

/** Why a process has to be killed although it runs. */
export interface Stuck {
  /** Milliseconds without a sign of life. */
  readonly silenceMs: number;
  readonly cause: string;
}

/** What is supervised. */
export interface SupervisedProgram<T extends ReadyProcess> {
  /** The model, or the harness whose server it is; for the log. */
  readonly name: string;
  /** What the process is called in the log and in reasons. */
  readonly noun: 'engine' | 'server';
  /** Resolves when the process is ready. Leaves no process behind when it rejects. */
  start(attempt: StartAttempt): Promise<T>;
  /** Called every second while the process is ready; undefined: it is alive. */
  readonly watch?: ((ready: T) => Stuck | undefined) | undefined;
  /** The error of a start that takes longer than `startupTimeoutMs`. */
  tooSlow(seconds: number): CortexError;
  /** Called after every change of `state`, except for those before the first start has succeeded. */
  onChange(): void;
}

export interface SupervisionOptions {
  /** From the start of the process until it is ready. */
  readonly startupTimeoutMs: number;
  /** Pause before the start after the n-th death (from 1) in the window. */
  readonly respawnPauseMs: (deaths: number) => number;
  readonly every: Every;
  readonly clock: Pick<AwakeClock, 'nowMs' | 'elapsedMs'>;
  readonly log: Logger;
}

export type ProcessState<T extends ReadyProcess> =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly ready: T }
  /** `dueAtMs`: when it is started again, monotonic. */
  | { readonly kind: 'recovering'; readonly dueAtMs: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'closed' };

export class SupervisedProcess<T extends ReadyProcess> {
  readonly #program: SupervisedProgram<T>;
  readonly #options: SupervisionOptions;
  readonly #closing = new AbortController();
  readonly #stopWatching: () => void;
  readonly #deathsMs: number[] = [];
  #state: ProcessState<T> = { kind: 'starting' };
  /** Settles when no start is under way any more. */
  #starting: Promise<unknown> = Promise.resolve();
  #startMs = ASSUMED_START_MS;
  #incarnation = 0;

  constructor(program: SupervisedProgram<T>, options: SupervisionOptions) {
    this.#program = program;
    this.#options = options;
    this.#stopWatching = options.every(1000, () => this.#watch());
  }

  get state(): ProcessState<T> {
    return this.#state;
  }

  /** Number of processes that became ready so far. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** Whole seconds until a recovering process is expected to be ready again. */
  get retryAfterS(): number {
    const { clock } = this.#options;
    const waitMs = this.#state.kind === 'recovering' ? this.#state.dueAtMs - clock.nowMs() : 0;
    return Math.max(1, Math.ceil((Math.max(0, waitMs) + this.#startMs) / 1000));
  }

  /** First start. On failure, or when `signal` aborts, no process remains and the state is `closed`. */
  async start(progress: (ratio: number) => void, signal: AbortSignal): Promise<T> {
    try {
      return await this.#bringUp(progress, AbortSignal.any([signal, this.#closing.signal]));
    } catch (error) {
      this.#stopWatching();
      this.#state = { kind: 'closed' };
      throw error;
    }
  }

  /**
   * Ends the process and starts no other.
   *
   * @param reason - The error of a start that is under way.
   * @param end - Asks the process to end; it is killed if it still runs after `limitMs`.
   */
  async close(
    reason: CortexError,
    end: { readonly ask: (ready: T) => Promise<unknown>; readonly limitMs: number },
  ): Promise<void> {
    this.#stopWatching();
    const state = this.#state;
    this.#enter({ kind: 'closed' });
    this.#closing.abort(reason);
    await this.#starting;
    if (state.kind !== 'running') return;
    const { ready } = state;
    const overtime = setTimeout(() => ready.kill(), end.limitMs);
    try {
      await Promise.race([end.ask(ready), ready.ended]);
      await ready.ended;
    } catch (error) {
      const { name, noun } = this.#program;
      this.#options.log.warn(
        { err: error, model: name },
        `${noun} did not close in time: killing it`,
      );
      ready.kill();
      await ready.ended;
    } finally {
      clearTimeout(overtime);
    }
  }

  #enter(state: ProcessState<T>): void {
    const isFirstStart = this.#state.kind === 'starting' && state.kind === 'closed';
    this.#state = state;
    if (!isFirstStart) this.#program.onChange();
  }

  #bringUp(progress: (ratio: number) => void, signal: AbortSignal): Promise<T> {
    const start = this.#startOnce(progress, signal);
    this.#starting = start.catch(() => undefined);
    return start;
  }

  async #startOnce(progress: (ratio: number) => void, signal: AbortSignal): Promise<T> {
    const beganMs = performance.now();
    const { startupTimeoutMs, every, clock } = this.#options;
    const limit = new AbortController();
    const stop = every(250, () => {
      if (clock.elapsedMs(beganMs) < startupTimeoutMs) return;
      limit.abort(this.#program.tooSlow(Math.round(startupTimeoutMs / 1000)));
    });
    const within = AbortSignal.any([signal, limit.signal]);
    try {
      const isFirst = this.#incarnation === 0;
      const ready = await this.#program.start({ isFirst, progress, signal: within });
      if (within.aborted) {
        ready.kill();
        await ready.ended;
        throw within.reason;
      }
      this.#startMs = performance.now() - beganMs;
      this.#incarnation += 1;
      this.#enter({ kind: 'running', ready });
      void this.#mourn(ready);
      return ready;
    } catch (error) {
      throw within.aborted ? toCortexError(within.reason) : error;
    } finally {
      stop();
    }
  }

  async #mourn(ready: T): Promise<void> {
    const cause = await ready.ended;
    const isCurrent = this.#state.kind === 'running' && this.#state.ready === ready;
    if (isCurrent) this.#onDeath(cause);
  }

  #watch(): void {
    if (this.#state.kind !== 'running') return;
    const { ready } = this.#state;
    const stuck = this.#program.watch?.(ready);
    if (!stuck) return;
    const { name, noun } = this.#program;
    this.#options.log.error(
      { model: name, silenceMs: Math.round(stuck.silenceMs) },
      `${noun} is wedged: killing it`,
    );
    ready.kill(stuck.cause);
  }

  #onDeath(cause: string): void {
    const nowMs = this.#options.clock.nowMs();
    this.#deathsMs.push(nowMs);
    while ((this.#deathsMs[0] ?? nowMs) < nowMs - DEATH_WINDOW_MS) this.#deathsMs.shift();
    const deaths = this.#deathsMs.length;
    const { name, noun } = this.#program;
    this.#options.log.error({ model: name, cause, deaths }, `${noun} died`);
    if (deaths >= MAX_DEATHS) {
      this.#fail(`its ${noun} died ${deaths} times in 10 minutes, last: ${cause}`);
      return;
    }
    const pauseMs = this.#options.respawnPauseMs(deaths);
    this.#enter({ kind: 'recovering', dueAtMs: nowMs + pauseMs });
    const timer = setTimeout(() => void this.#respawn(), pauseMs);
    this.#closing.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  async #respawn(): Promise<void> {
    if (this.#state.kind !== 'recovering') return;
    const { name, noun } = this.#program;
    try {
      await this.#bringUp(() => undefined, this.#closing.signal);
      this.#options.log.warn({ model: name }, `${noun} restarted`);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      const failure = toCortexError(error);
      // A retry does not repair a broken file.
      if (failure.isRetryable) this.#onDeath(failure.message);
      else this.#fail(failure.message);
    }
  }

  #fail(reason: string): void {
    this.#stopWatching();
    this.#enter({ kind: 'failed', reason });
    const { name } = this.#program;
    this.#options.log.error({ model: name, reason }, 'model failed');
  }
}
