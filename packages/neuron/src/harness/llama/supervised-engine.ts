/** The engine of one model, kept running as a supervised process. */
import type { CloseOptions, EngineLoadSpec, LoadedModel } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import { aborted } from '../../aborted.ts';
import type { DeviceEnv } from '../../devices/device.ts';
import type { StartedEngine, StartEngine } from '../../engines/start-engine.ts';
import {
  type ReadyProcess,
  type StartAttempt,
  type Stuck,
  SupervisedProcess,
  type SupervisionOptions,
} from '../../processes/supervised-process.ts';
import type { HarnessModel, LoadProgressListener } from '../harness.ts';
import { toCapabilityWords } from './capability-words.ts';
import type { ServingEngine } from './serve.ts';
import { WedgeWatch } from './wedge-watch.ts';

/** Time to write gigabytes of cells to a slow disk. */
const SAVE_OVERTIME_MS = 30_000;

export interface EngineSupervision extends SupervisionOptions {
  readonly start: StartEngine;
  readonly wedgeMs: number;
  readonly onLog: (modelId: string, line: string) => void;
}

interface RunningEngine extends ReadyProcess {
  readonly started: StartedEngine;
  readonly loaded: LoadedModel;
  readonly watch: WedgeWatch;
  readonly serving: ServingEngine;
}

export class SupervisedEngine {
  readonly modelId: string;
  readonly #spec: EngineLoadSpec;
  readonly #env: DeviceEnv;
  readonly #options: EngineSupervision;
  readonly #process: SupervisedProcess<RunningEngine>;
  #lastLoaded: (LoadedModel & { readonly words: readonly string[] }) | undefined;
  #closeReason: CortexError | undefined;

  /** @param options.onChange - Called after every change of `model`. */
  constructor(
    spec: EngineLoadSpec,
    env: DeviceEnv,
    options: EngineSupervision & { readonly onChange: () => void },
  ) {
    this.modelId = spec.modelId;
    this.#spec = spec;
    this.#env = env;
    this.#options = options;
    this.#process = new SupervisedProcess(
      {
        name: spec.modelId,
        noun: 'engine',
        start: (attempt) => this.#start(attempt),
        watch: (running) => this.#stuck(running),
        tooSlow: (seconds) =>
          new CortexError(
            'model_load_failed',
            `${this.modelId} did not load within ${seconds} s (engine.startup_timeout_s).`,
            { transient: true },
          ),
        onChange: options.onChange,
      },
      options,
    );
  }

  /** First load. On failure, or when `signal` aborts, no engine remains. */
  async load(progress: LoadProgressListener, signal: AbortSignal): Promise<void> {
    await this.#process.start(progress, signal);
  }

  /** The engine that serves now; undefined if there is none. */
  get serving(): ServingEngine | undefined {
    return this.#running?.serving;
  }

  /** Version of the engine; undefined if there is none. */
  get version(): string | undefined {
    return this.serving?.engine.version;
  }

  /** Whole seconds until a recovering engine is expected to serve again. */
  get retryAfterS(): number {
    return this.#process.retryAfterS;
  }

  /** Tokens per slot; undefined before the end of the first load. */
  get contextTokens(): number | undefined {
    return this.#lastLoaded?.limits.contextTokens;
  }

  /** The state for `/models`; undefined before the end of the first load and after the close. */
  get model(): HarnessModel | undefined {
    const loaded = this.#lastLoaded;
    const { state } = this.#process;
    if (!loaded || state.kind === 'starting' || state.kind === 'closed') return undefined;
    return {
      id: this.modelId,
      state: state.kind === 'running' ? 'loaded' : state.kind,
      ...(state.kind === 'failed' && { reason: state.reason }),
      ...(state.kind === 'recovering' && {
        reason: `the engine of ${this.modelId} ended and is being restarted`,
        retryAfterS: this.retryAfterS,
      }),
      incarnation: this.#process.incarnation,
      capabilities: loaded.words,
      slots: loaded.limits.slots,
      contextTokens: loaded.limits.contextTokens,
      backend: loaded.backend,
      gpuLayers: loaded.gpuLayers,
      quant: loaded.quant,
      vramMib: loaded.memory.vramMib,
      ramMib: loaded.memory.ramMib,
      stats: this.#running?.started.connection.lastStats?.stats,
    };
  }

  /** Whether it runs and can save its slots for a later load. */
  get canSave(): boolean {
    return this.#running?.loaded.capabilities.includes('state') ?? false;
  }

  /**
   * Ends the engine; requests in flight have `graceMs` to finish, the rest end with `reason`.
   *
   * @param save - Where it saves its slots; absent: not saved.
   */
  async close(graceMs: number, reason: CortexError, save: CloseOptions = {}): Promise<void> {
    this.#closeReason ??= reason;
    // A wedged engine does not process `close`, so it is killed a second after the grace period.
    const overtimeMs = save.saveDir === undefined ? 1000 : SAVE_OVERTIME_MS;
    await this.#process.close(reason, {
      ask: ({ started }) => started.connection.close(graceMs, save),
      limitMs: graceMs + overtimeMs,
    });
  }

  get #running(): RunningEngine | undefined {
    const { state } = this.#process;
    return state.kind === 'running' ? state.ready : undefined;
  }

  async #start({ isFirst, progress, signal }: StartAttempt): Promise<RunningEngine> {
    const { start, onLog } = this.#options;
    const started = await start({
      modelId: this.modelId,
      env: this.#env,
      onLog: (line) => onLog(this.modelId, line),
      signal,
    });
    const { connection } = started;
    try {
      const loaded = await Promise.race([
        connection.load(this.#loadSpec(isFirst), ({ ratio }) => progress(ratio), signal),
        connection.ended.then((cause) => this.#diedLoading(cause)),
        aborted(signal),
      ]);
      return this.#run(started, loaded);
    } catch (error) {
      started.kill();
      await connection.ended;
      throw error;
    }
  }

  /** Saved slots are restored once, because they may have caused a crash. */
  #loadSpec(isFirst: boolean): EngineLoadSpec {
    if (isFirst) return this.#spec;
    const { restoreDir: _saved, ...spec } = this.#spec;
    return spec;
  }

  #diedLoading(cause: string): never {
    throw new CortexError(
      'model_load_failed',
      `Cannot load ${this.#spec.modelPath}: the engine ended while it loaded the file (${cause}).`,
      { transient: true },
    );
  }

  #run(started: StartedEngine, loaded: LoadedModel): RunningEngine {
    const { connection } = started;
    const { wedgeMs, clock } = this.#options;
    const watch = new WedgeWatch({ wedgeMs, clock });
    this.#lastLoaded = {
      ...loaded,
      memory: measuredMemory(started, loaded),
      words: toCapabilityWords(loaded.capabilities),
    };
    return {
      started,
      loaded,
      watch,
      serving: {
        engine: connection,
        isProgressing: () => watch.silenceMs(connection) < wedgeMs,
        loss: () => this.#closeReason ?? this.#lostError(),
      },
      ended: connection.ended,
      kill: (cause) => started.kill(cause),
    };
  }

  #lostError(): CortexError {
    return new CortexError(
      'node_recovering',
      `The engine of ${this.modelId} ended during the request and is being restarted.`,
      { retryAfterS: this.retryAfterS },
    );
  }

  #stuck({ watch, started: { connection } }: RunningEngine): Stuck | undefined {
    watch.observe(connection);
    if (!watch.isWedged(connection)) return undefined;
    const silenceMs = watch.silenceMs(connection);
    const seconds = Math.round(silenceMs / 1000);
    return {
      silenceMs,
      cause: `it had work and completed no step for ${seconds} s (engine.wedge_s)`,
    };
  }
}

/**
 * RAM of the runtime, the library and the vocabulary, MiB. Every engine has it, and no model is charged for it: what
 * `cpu_memory_mb` gives is for models. Measured on x64: 131 MiB beyond the allocations for a vocabulary of 2,048 tokens,
 * 150 MiB for one of 49,152.
 */
const RUNTIME_RAM_MIB = 150;

/** Mapped weights that the kernel has dropped are not resident, so it is at least what the engine counts. */
function measuredMemory({ ramMib }: StartedEngine, { memory }: LoadedModel): LoadedModel['memory'] {
  return {
    ...memory,
    ramMib: Math.max(memory.ramMib, Math.round((ramMib?.() ?? 0) - RUNTIME_RAM_MIB)),
  };
}
