/** The engine of one model: starts it, watches it, and restarts it when it dies (behaviours 28 and 29). */
import type { CloseOptions, EngineLoadSpec, LoadedModel } from '@cortex/engine';
import { CortexError, toCortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { AwakeClock } from '../../awake-clock.ts';
import type { DeviceEnv } from '../../devices/device.ts';
import type { Every } from '../../every.ts';
import type { HarnessModel, LoadProgressListener } from '../harness.ts';
import { toCapabilityWords } from './capability-words.ts';
import type { ServingEngine } from './serve.ts';
import type { StartedEngine, StartEngine } from '../../engines/start-engine.ts';
import { WedgeWatch } from './wedge-watch.ts';

/**
 * Deaths within `DEATH_WINDOW_MS` after which the model has failed: endless restarts are worse than a reported
 * failure.
 */
const MAX_DEATHS = 4;
const DEATH_WINDOW_MS = 600_000;
/** Time to write gigabytes of cells to a slow disk. */
const SAVE_OVERTIME_MS = 30_000;
/** Used until a load has been timed. */
const ASSUMED_LOAD_MS = 5000;

export interface SupervisionOptions {
  readonly start: StartEngine;
  readonly wedgeMs: number;
  /** From the start of the process to the loaded model. */
  readonly startupTimeoutMs: number;
  /** Pause before the respawn after the n-th death (from 1) in the window. */
  readonly respawnPauseMs: (deaths: number) => number;
  readonly every: Every;
  readonly clock: Pick<AwakeClock, 'nowMs' | 'elapsedMs'>;
  readonly log: Logger;
  readonly onLog: (modelId: string, line: string) => void;
}

interface Running {
  readonly started: StartedEngine;
  readonly loaded: LoadedModel;
  readonly watch: WedgeWatch;
  readonly serving: ServingEngine;
}

type Phase =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly running: Running }
  | { readonly kind: 'recovering'; readonly sinceMs: number; readonly dueAtMs: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'closed' };

/** Rejects when `signal` aborts, with its reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

export class SupervisedEngine {
  readonly modelId: string;
  readonly #spec: EngineLoadSpec;
  readonly #env: DeviceEnv;
  readonly #options: SupervisionOptions;
  readonly #closing = new AbortController();
  readonly #stopWatching: () => void;
  readonly #deathsMs: number[] = [];
  #phase: Phase = { kind: 'starting' };
  #lastLoaded: (LoadedModel & { readonly words: readonly string[] }) | undefined;
  #loadMs = ASSUMED_LOAD_MS;
  #incarnation = 0;
  #closeReason: CortexError | undefined;

  constructor(spec: EngineLoadSpec, env: DeviceEnv, options: SupervisionOptions) {
    this.modelId = spec.modelId;
    this.#spec = spec;
    this.#env = env;
    this.#options = options;
    this.#stopWatching = options.every(1000, () => this.#watch());
  }

  /** First load. On failure, or when `signal` aborts, no engine remains. */
  async load(progress: LoadProgressListener, signal: AbortSignal): Promise<void> {
    try {
      await this.#bringUp(progress, AbortSignal.any([signal, this.#closing.signal]));
    } catch (error) {
      this.#stopWatching();
      this.#phase = { kind: 'closed' };
      throw error;
    }
  }

  /** The engine that serves now; undefined if there is none. */
  get serving(): ServingEngine | undefined {
    return this.#phase.kind === 'running' ? this.#phase.running.serving : undefined;
  }

  /** Version of the engine; undefined if there is none. */
  get version(): string | undefined {
    return this.serving?.engine.version;
  }

  /** Whole seconds until a recovering engine is expected to serve again. */
  get retryAfterS(): number {
    const waitMs = this.#phase.kind === 'recovering' ? this.#phase.dueAtMs - performance.now() : 0;
    return Math.max(1, Math.ceil((Math.max(0, waitMs) + this.#loadMs) / 1000));
  }

  /** The state for `/models`; undefined before the end of the first load and after the close. */
  get model(): HarnessModel | undefined {
    const loaded = this.#lastLoaded;
    const phase = this.#phase;
    if (!loaded || phase.kind === 'starting' || phase.kind === 'closed') return undefined;
    const stats =
      phase.kind === 'running' ? phase.running.started.connection.lastStats?.stats : undefined;
    return {
      id: this.modelId,
      state: phase.kind === 'running' ? 'loaded' : phase.kind,
      ...(phase.kind === 'failed' && { reason: phase.reason }),
      ...(phase.kind === 'recovering' && {
        reason: `the engine of ${this.modelId} ended and is being restarted`,
        retryAfterS: this.retryAfterS,
      }),
      incarnation: this.#incarnation,
      capabilities: loaded.words,
      slots: loaded.limits.slots,
      contextTokens: loaded.limits.contextTokens,
      backend: loaded.backend,
      gpuLayers: loaded.gpuLayers,
      quant: loaded.quant,
      vramMib: loaded.memory.vramMib,
      ramMib: loaded.memory.ramMib,
      stats,
    };
  }

  /** Whether it runs and can save its slots for a later load. */
  get canSave(): boolean {
    const phase = this.#phase;
    return phase.kind === 'running' && phase.running.loaded.capabilities.includes('state');
  }

  /**
   * Ends the engine; requests in flight have `graceMs` to finish, the rest end with `reason`.
   *
   * @param save - Where it saves its slots; absent: not saved.
   */
  async close(graceMs: number, reason: CortexError, save: CloseOptions = {}): Promise<void> {
    this.#closeReason ??= reason;
    this.#stopWatching();
    const phase = this.#phase;
    this.#phase = { kind: 'closed' };
    this.#closing.abort(reason);
    if (phase.kind !== 'running') return;
    const { connection } = phase.running.started;
    // A wedged engine does not process `close`, so it is killed a second after the grace period.
    const overtimeMs = save.saveDir === undefined ? 1000 : SAVE_OVERTIME_MS;
    const overtime = setTimeout(() => phase.running.started.kill(), graceMs + overtimeMs);
    try {
      await Promise.race([connection.close(graceMs, save), connection.ended]);
      await connection.ended;
    } catch (error) {
      this.#options.log.warn(
        { err: error, model: this.modelId },
        'engine did not close in time: killing it',
      );
      phase.running.started.kill();
      await connection.ended;
    } finally {
      clearTimeout(overtime);
    }
  }

  async #bringUp(progress: LoadProgressListener, signal: AbortSignal): Promise<void> {
    const beganMs = performance.now();
    const { startupTimeoutMs, start, onLog, every, clock } = this.#options;
    const limit = new AbortController();
    const stop = every(250, () => {
      if (clock.elapsedMs(beganMs) >= startupTimeoutMs) limit.abort(this.#tooSlow());
    });
    const within = AbortSignal.any([signal, limit.signal]);
    let started: StartedEngine | undefined;
    try {
      started = await start({
        modelId: this.modelId,
        env: this.#env,
        onLog: (line) => onLog(this.modelId, line),
        signal: within,
      });
      const { connection } = started;
      const loaded = await Promise.race([
        connection.load(this.#loadSpec(), ({ ratio }) => progress(ratio), within),
        connection.ended.then((cause) => this.#diedLoading(cause)),
        aborted(within),
      ]);
      this.#loadMs = performance.now() - beganMs;
      this.#run(started, loaded);
    } catch (error) {
      if (started) {
        started.kill();
        await started.connection.ended;
      }
      throw within.aborted ? toCortexError(within.reason) : error;
    } finally {
      stop();
    }
  }

  /** Saved slots are restored once, because they may have caused a crash. */
  #loadSpec(): EngineLoadSpec {
    if (this.#incarnation === 0) return this.#spec;
    const { restoreDir: _saved, ...spec } = this.#spec;
    return spec;
  }

  #tooSlow(): CortexError {
    const seconds = Math.round(this.#options.startupTimeoutMs / 1000);
    return new CortexError(
      'model_load_failed',
      `${this.modelId} did not load within ${seconds} s (engine.startup_timeout_s).`,
      { transient: true },
    );
  }

  #diedLoading(cause: string): never {
    throw new CortexError(
      'model_load_failed',
      `Cannot load ${this.#spec.modelPath}: the engine ended while it loaded the file (${cause}).`,
      { transient: true },
    );
  }

  #run(started: StartedEngine, loaded: LoadedModel): void {
    const { connection } = started;
    const { wedgeMs, clock } = this.#options;
    const watch = new WedgeWatch({ wedgeMs, clock });
    const serving: ServingEngine = {
      engine: connection,
      isProgressing: () => watch.silenceMs(connection) < wedgeMs,
      loss: () => this.#closeReason ?? this.#lostError(),
    };
    this.#incarnation += 1;
    this.#lastLoaded = { ...loaded, words: toCapabilityWords(loaded.capabilities) };
    this.#phase = { kind: 'running', running: { started, loaded, watch, serving } };
    void this.#mourn(started);
  }

  async #mourn(started: StartedEngine): Promise<void> {
    const cause = await started.connection.ended;
    const isCurrent = this.#phase.kind === 'running' && this.#phase.running.started === started;
    if (isCurrent) this.#onDeath(cause);
  }

  #lostError(): CortexError {
    return new CortexError(
      'node_recovering',
      `The engine of ${this.modelId} ended during the request and is being restarted.`,
      { retryAfterS: this.retryAfterS },
    );
  }

  #watch(): void {
    if (this.#phase.kind !== 'running') return;
    const { watch, started } = this.#phase.running;
    watch.observe(started.connection);
    if (!watch.isWedged(started.connection)) return;
    const silenceMs = watch.silenceMs(started.connection);
    this.#options.log.error(
      { model: this.modelId, silenceMs: Math.round(silenceMs) },
      'engine is wedged: killing it',
    );
    started.kill(
      `it had work and completed no step for ${Math.round(silenceMs / 1000)} s (engine.wedge_s)`,
    );
  }

  #onDeath(cause: string): void {
    const nowMs = performance.now();
    this.#deathsMs.push(nowMs);
    while ((this.#deathsMs[0] ?? nowMs) < nowMs - DEATH_WINDOW_MS) this.#deathsMs.shift();
    const deaths = this.#deathsMs.length;
    this.#options.log.error({ model: this.modelId, cause, deaths }, 'engine died');
    if (deaths >= MAX_DEATHS) {
      this.#fail(`its engine died ${deaths} times in 10 minutes, last: ${cause}`);
      return;
    }
    const pauseMs = this.#options.respawnPauseMs(deaths);
    this.#phase = { kind: 'recovering', sinceMs: nowMs, dueAtMs: nowMs + pauseMs };
    const timer = setTimeout(() => void this.#respawn(), pauseMs);
    this.#closing.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  async #respawn(): Promise<void> {
    if (this.#phase.kind !== 'recovering') return;
    try {
      await this.#bringUp(() => undefined, this.#closing.signal);
      this.#options.log.warn({ model: this.modelId }, 'engine restarted');
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
    this.#phase = { kind: 'failed', reason };
    this.#options.log.error({ model: this.modelId, reason }, 'model failed');
  }
}
