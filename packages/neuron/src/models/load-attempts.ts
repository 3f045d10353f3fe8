/** The loads of one model: starts each, ends it in `loaded`, `failed` or `unloaded`, and remembers failures. */
import { CortexError, type LoadModelRequest, toCortexError } from '@cortex/protocol';

import { type LoadSettings, toLoadSettings } from '../harness/load-settings.ts';
import { remoteSourceOf } from '../store/local-files.ts';
import { toFileRequest } from './harness-files.ts';
import { fileEvidence } from './load-evidence.ts';
import {
  givenUp,
  hasLostItsCause,
  isModelsFault,
  type LoadCauses,
  type LoadFailure,
  nextFailure,
  rememberedError,
} from './load-failure.ts';
import { type LoadDeps, type Loaded, loadOntoHarness, type LoadWork } from './load-onto-harness.ts';
import { type LoadReports, LoadUnderWay } from './load-under-way.ts';
import type { ModelPhase, Phase } from './model-phase.ts';
import { wakeModel } from './wake-model.ts';

export interface AttemptDeps extends LoadDeps {
  /** @throws CortexError while this node takes no loads */
  readonly checkLoad: () => void;
  /**
   * Cancels the loads of other models that no caller waits for, and resolves once their memory is free; false if there
   * was none.
   */
  readonly endAbandonedLoads: (exceptId: string) => Promise<boolean>;
  /** How long an abandoned load continues. Default: 30 s. */
  readonly abandonMs?: number | undefined;
}

export class LoadAttempts {
  readonly #modelId: string;
  readonly #deps: AttemptDeps;
  readonly #phase: ModelPhase;
  readonly #onProgress: () => void;
  readonly #onLoaded: () => void;
  #count = 0;
  #lastLoadMs: number | undefined;
  /** The file state of the last load that began. */
  #fileEvidence = '';

  constructor(
    modelId: string,
    deps: AttemptDeps,
    owner: {
      readonly phase: ModelPhase;
      readonly onProgress: () => void;
      /** Called when the model is loaded; its engine may have ended already. */
      readonly onLoaded: () => void;
    },
  ) {
    this.#modelId = modelId;
    this.#deps = deps;
    this.#phase = owner.phase;
    this.#onProgress = owner.onProgress;
    this.#onLoaded = owner.onLoaded;
  }

  /** Loads that have ended in `loaded`. */
  get count(): number {
    return this.#count;
  }

  /**
   * Checks that a load may begin now. A detached (operator's) call may always try; others only after the back-off,
   * or once the cause of the failure has ended.
   *
   * @throws CortexError the remembered failure
   */
  async checkMayTry(
    failure: LoadFailure,
    request: LoadModelRequest,
    wait: AbortSignal | undefined,
  ): Promise<void> {
    if (request.detached === true || !wait) return;
    const nowMs = performance.now();
    if (nowMs >= failure.retryAtMs) return;
    const files = await fileEvidence(this.#deps.store, request);
    const { releases } = this.#deps.ledger;
    const now = { settings: toLoadSettings(request), files, releases };
    if (!hasLostItsCause(failure, now)) throw rememberedError(failure, nowMs);
  }

  /** Begins a load of an unloaded or failed model. @throws CortexError while this node takes no loads */
  begin(request: LoadModelRequest): LoadUnderWay {
    const settings = toLoadSettings(request);
    const isAbsent =
      remoteSourceOf(toFileRequest(request)) !== undefined &&
      !this.#deps.store.knows(this.#modelId);
    return this.#begin({ settings, kind: isAbsent ? 'pulling' : 'loading' }, async (reports) => {
      // Read before the load reads the files, so that a change during the load permits another try.
      this.#fileEvidence = await fileEvidence(this.#deps.store, request);
      const { loaded } = await this.#loadInRoom({
        ...reports,
        request,
        settings,
        filesFound: () => this.#filesFound(),
      });
      this.#count += 1;
      return loaded;
    });
  }

  /** Begins to wake a model that is asleep. @throws CortexError while this node takes no loads */
  wake({ loaded, asleep }: Extract<Phase, { readonly kind: 'sleeping' }>): LoadUnderWay {
    const { settings } = loaded;
    return this.#begin({ settings, kind: 'loading' }, async (reports) => {
      await asleep;
      await wakeModel(this.#deps, { modelId: this.#modelId, loaded, ...reports });
      return { ...loaded, loadedAtMs: performance.now(), loadedAt: new Date().toISOString() };
    });
  }

  #begin(
    { settings, kind }: { readonly settings: LoadSettings; readonly kind: 'pulling' | 'loading' },
    work: (reports: LoadReports) => Promise<Loaded>,
  ): LoadUnderWay {
    this.#deps.checkLoad();
    const phase = this.#phase.current;
    const previous = phase.kind === 'failed' ? phase.failure : undefined;
    const loading: LoadUnderWay = new LoadUnderWay(
      {
        modelId: this.#modelId,
        settings,
        lastLoadMs: this.#lastLoadMs,
        onProgress: this.#onProgress,
        onAbandoned: () => this.cancel(loading),
        abandonMs: this.#deps.abandonMs,
      },
      async (reports) => {
        const beganMs = performance.now();
        try {
          const loaded = await work(reports);
          this.#lastLoadMs = Math.round(performance.now() - beganMs);
          this.#phase.enter({ kind: 'loaded', loaded });
        } catch (thrown) {
          throw this.#fail(thrown, loading, previous);
        }
        this.#deps.log.info(
          { model: this.#modelId, loadMs: this.#lastLoadMs },
          phase.kind === 'sleeping' ? 'model woken' : 'model loaded',
        );
        this.#onLoaded();
      },
    );
    this.#phase.enter({ kind, loading });
    return loading;
  }

  cancel(loading: LoadUnderWay): void {
    this.#deps.log.info(
      { model: this.#modelId },
      'load cancelled: no caller waits for it any more',
    );
    loading.cancel();
  }

  /** Ends in `failed`: its harness has given the model up. */
  giveUp(reason: string, settings: LoadSettings): void {
    const causes = this.#causes(settings);
    const failure = givenUp(this.#modelId, { reason, causes }, performance.now());
    this.#phase.enter({ kind: 'failed', failure, listed: this.listed });
  }

  /** The fingerprint of its file in the last scan. */
  get listed(): string | undefined {
    return this.#deps.store.files.get(this.#modelId)?.fingerprint;
  }

  #filesFound(): void {
    const phase = this.#phase.current;
    if (phase.kind === 'pulling') this.#phase.enter({ kind: 'loading', loading: phase.loading });
  }

  /** A load that nobody waits for gives its room to another one at once. */
  async #loadInRoom(work: LoadWork): ReturnType<typeof loadOntoHarness> {
    for (;;) {
      try {
        return await loadOntoHarness(this.#deps, work);
      } catch (error) {
        const isShort = error instanceof CortexError && error.code === 'insufficient_vram';
        if (!isShort || !(await this.#deps.endAbandonedLoads(this.#modelId))) throw error;
      }
    }
  }

  #fail(thrown: unknown, loading: LoadUnderWay, previous: LoadFailure | undefined): CortexError {
    const error = toCortexError(thrown);
    if (loading.isCancelled || !isModelsFault(error)) {
      this.#phase.enter({ kind: 'unloaded' });
      return error;
    }
    const causes = this.#causes(loading.settings);
    const failure = nextFailure(previous, { error, causes }, performance.now());
    this.#phase.enter({ kind: 'failed', failure, listed: this.listed });
    this.#deps.log.error(
      { model: this.#modelId, reason: error.message, err: error.cause },
      'model load failed',
    );
    return rememberedError(failure, performance.now());
  }

  #causes(settings: LoadSettings): LoadCauses {
    return { settings, files: this.#fileEvidence, releases: this.#deps.ledger.releases };
  }
}
