/** The lifecycle of one model on this node (contracts, section 3): the only place that changes its state. */
import { setTimeout as sleep } from 'node:timers/promises';

import {
  CortexError,
  type LoadModelRequest,
  type ModelState,
  toCortexError,
} from '@cortex/protocol';

import type { Admission } from '../admission/admission.ts';
import type { HarnessModel } from '../harness/harness.ts';
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
import { type LoadDeps, type Loaded, loadOntoHarness } from './load-onto-harness.ts';
import { checkSameSettings, type LoadSettings, toLoadSettings } from '../harness/load-settings.ts';
import { type LoadReports, LoadUnderWay } from './load-under-way.ts';
import { Residency } from './residency.ts';
import { UnloadUnderWay } from './unload-under-way.ts';

export interface LifecycleDeps extends LoadDeps {
  readonly admission: Admission;
  /** How long an abandoned load continues. Default: 30 s. */
  readonly abandonMs?: number;
}

type Phase =
  | { readonly kind: 'unloaded' }
  | { readonly kind: 'loading'; readonly loading: LoadUnderWay }
  | { readonly kind: 'loaded'; readonly loaded: Loaded }
  | { readonly kind: 'leaving'; readonly loaded: Loaded; readonly unloading: UnloadUnderWay }
  | { readonly kind: 'failed'; readonly failure: LoadFailure; readonly listed: string | undefined };

export interface UnloadOptions {
  readonly force: boolean;
  readonly ifIdle: boolean;
  readonly ifGeneration: number | undefined;
}

interface LoadAttempt {
  readonly loading: LoadUnderWay;
  readonly previous: LoadFailure | undefined;
}

/** How long the failure of a model without a file is remembered after its back-off. */
const FORGET_MS = 600_000;
/** Pause between two checks of a recovering engine. */
const RECOVERY_POLL_MS = 100;

export class ModelLifecycle {
  readonly id: string;
  readonly #deps: LifecycleDeps;
  #phase: Phase = { kind: 'unloaded' };
  #loads = 0;
  /** The file state of the last load that began. */
  #fileEvidence = '';
  readonly #residency = new Residency();

  constructor(id: string, deps: LifecycleDeps) {
    this.id = id;
    this.#deps = deps;
  }

  // --- reading ---

  /** The model in its harness; undefined unless loaded or draining. */
  get running(): HarnessModel | undefined {
    return this.loaded?.harness.listModels().find(({ id }) => id === this.id);
  }

  /** Settings and placement; undefined unless loaded or draining. */
  get loaded(): Loaded | undefined {
    return 'loaded' in this.#phase ? this.#phase.loaded : undefined;
  }

  /** The state as `/models` reports it: the harness reports the state of a loaded model. */
  get state(): ModelState {
    const phase = this.#phase;
    if (phase.kind === 'leaving') return phase.unloading.state;
    if (phase.kind !== 'loaded') return phase.kind;
    return this.running?.state ?? 'failed';
  }

  /** Why it has failed or is recovering; absent otherwise. */
  get reason(): string | undefined {
    if (this.#phase.kind === 'failed') return this.#phase.failure.error.message;
    if (this.#phase.kind !== 'loaded') return undefined;
    return this.running ? this.running.reason : 'its harness no longer has the model';
  }

  get settings(): LoadSettings | undefined {
    const phase = this.#phase;
    if (phase.kind === 'loading') return phase.loading.settings;
    return phase.kind === 'failed' ? phase.failure.causes.settings : this.loaded?.settings;
  }

  /** Changes with every load and every respawn. */
  get generation(): number {
    return this.#loads + Math.max(0, (this.running?.incarnation ?? 1) - 1);
  }

  /** 0 to 1 while it loads. */
  get progress(): number | undefined {
    return this.#phase.kind === 'loading' ? this.#phase.loading.ratio : undefined;
  }

  /** Whether requests hold seats. */
  get isBusy(): boolean {
    return !this.#deps.admission.isIdle(this.id);
  }

  /** Milliseconds since the end of the last request or of the load; 0 while busy; absent if not loaded. */
  idleMs(nowMs: number): number | undefined {
    if (!this.loaded) return undefined;
    if (!this.#deps.admission.isIdle(this.id)) return 0;
    return this.#residency.idleMs(this.loaded.loadedAtMs, nowMs);
  }

  /** Whether a model without a file can be removed from the list, because it has no state to show. */
  isForgettable(nowMs: number): boolean {
    const phase = this.#phase;
    if (phase.kind === 'failed') return nowMs - phase.failure.retryAtMs > FORGET_MS;
    return phase.kind === 'unloaded';
  }

  /** Pin, TTL and time of the last use. */
  get residency(): Pick<Residency, 'isPinned' | 'lastUsedAt'> {
    return this.#residency;
  }

  // --- using ---

  /** Call it when a request for the model has ended. */
  used(): void {
    this.#residency.used();
  }

  /** Whether the TTL has passed without a request. */
  isExpired(nowMs: number): boolean {
    if (this.#phase.kind !== 'loaded' || !this.#deps.admission.isIdle(this.id)) return false;
    return this.#residency.isOver(this.idleMs(nowMs) ?? 0);
  }

  /**
   * Takes over changes from outside: a model whose engine the harness has given up has failed, and a failed model
   * whose file was replaced or put back is unloaded.
   */
  observe(): void {
    const phase = this.#phase;
    if (phase.kind === 'failed' && phase.listed !== this.#listed)
      this.#phase = { kind: 'unloaded' };
    if (phase.kind !== 'loaded') return;
    const model = this.running;
    if (model && model.state !== 'failed') return;
    const { harness, settings } = phase.loaded;
    const reason = model?.reason ?? `${harness.name} no longer has the model`;
    this.#deps.ledger.release(this.id);
    const failure = givenUp(this.id, { reason, causes: this.#causes(settings) }, performance.now());
    this.#phase = { kind: 'failed', failure, listed: this.#listed };
    harness.unloadModel(this.id).catch((cause: unknown) => {
      this.#deps.log.error({ err: cause, model: this.id }, 'a failed model could not be unloaded');
    });
  }

  // --- loading ---

  /**
   * Loads the model, or joins the load under way.
   *
   * @param wait - Present: resolves when the model is loaded; counts as a waiter until it aborts. Absent: resolves
   * when the load has begun and its preconditions hold.
   * @throws CortexError `conflict` naming the settings that differ, `model_load_failed`, `unsupported_parameter`
   */
  async load(request: LoadModelRequest, wait?: AbortSignal): Promise<'loading' | 'loaded'> {
    // An unknown harness is an error of the caller and leaves the state unchanged.
    this.#deps.harnesses.get(toLoadSettings(request).harness);
    for (;;) {
      wait?.throwIfAborted();
      this.observe();
      const phase = this.#phase;
      if (phase.kind === 'leaving') {
        await phase.unloading.done;
      } else if (phase.kind === 'loaded') {
        checkSameSettings(request, phase.loaded.settings);
        this.#residency.keep(request);
        if (this.state !== 'recovering') return 'loaded';
        if (!wait) return 'loading';
        await sleep(RECOVERY_POLL_MS, undefined, { signal: wait });
      } else if (phase.kind === 'loading') {
        checkSameSettings(request, phase.loading.settings);
        return this.#join(phase.loading, request, wait);
      } else if (await this.#mayTry(phase, request, wait)) {
        // Another call may have changed the phase while `mayTry` waited.
        if (this.#phase === phase) return this.#join(this.#begin(request), request, wait);
      }
    }
  }

  /** A detached (operator's) call may always try; others only after the back-off, or once the cause has ended. */
  async #mayTry(
    phase: Phase,
    request: LoadModelRequest,
    wait: AbortSignal | undefined,
  ): Promise<boolean> {
    if (phase.kind !== 'failed' || request.detached === true || !wait) return true;
    const nowMs = performance.now();
    if (nowMs >= phase.failure.retryAtMs) return true;
    const files = await fileEvidence(this.#deps.store, request);
    const { releases } = this.#deps.ledger;
    const now = { settings: toLoadSettings(request), files, releases };
    if (hasLostItsCause(phase.failure, now)) return true;
    throw rememberedError(phase.failure, nowMs);
  }

  /** The fingerprint of its file in the last scan. */
  get #listed(): string | undefined {
    return this.#deps.store.files.get(this.id)?.fingerprint;
  }

  #causes(settings: LoadSettings): LoadCauses {
    return { settings, files: this.#fileEvidence, releases: this.#deps.ledger.releases };
  }

  async #join(
    loading: LoadUnderWay,
    request: LoadModelRequest,
    wait: AbortSignal | undefined,
  ): Promise<'loading' | 'loaded'> {
    this.#residency.keep(request);
    await loading.join(request, wait);
    return wait || this.state === 'loaded' ? 'loaded' : 'loading';
  }

  #begin(request: LoadModelRequest): LoadUnderWay {
    const previous = this.#phase.kind === 'failed' ? this.#phase.failure : undefined;
    const loading = new LoadUnderWay(
      {
        modelId: this.id,
        settings: toLoadSettings(request),
        onAbandoned: () => this.#cancel(loading),
        abandonMs: this.#deps.abandonMs,
      },
      (reports) => this.#run({ request, loading, previous }, reports),
    );
    this.#phase = { kind: 'loading', loading };
    return loading;
  }

  #cancel(loading: LoadUnderWay): void {
    this.#deps.log.info({ model: this.id }, 'load cancelled: no caller waits for it any more');
    loading.cancel();
  }

  async #run(
    { request, loading, previous }: LoadAttempt & { readonly request: LoadModelRequest },
    reports: LoadReports,
  ): Promise<void> {
    const beganMs = performance.now();
    try {
      // Read before the load reads the files, so that a change during the load permits another try.
      this.#fileEvidence = await fileEvidence(this.#deps.store, request);
      const { settings } = loading;
      const { loaded, model } = await loadOntoHarness(this.#deps, {
        ...reports,
        request,
        settings,
      });
      this.#loads += 1;
      this.#phase = { kind: 'loaded', loaded };
      const loadMs = Math.round(performance.now() - beganMs);
      this.#deps.log.info(
        { model: this.id, loadMs, slots: model.slots, context: model.contextTokens },
        'model loaded',
      );
    } catch (thrown) {
      throw this.#fail(thrown, { loading, previous });
    }
  }

  #fail(thrown: unknown, { loading, previous }: LoadAttempt): CortexError {
    const error = toCortexError(thrown);
    if (loading.isCancelled || !isModelsFault(error)) {
      this.#phase = { kind: 'unloaded' };
      return error;
    }
    const causes = this.#causes(loading.settings);
    const failure = nextFailure(previous, { error, causes }, performance.now());
    this.#phase = { kind: 'failed', failure, listed: this.#listed };
    this.#deps.log.error(
      {
        model: this.id,
        reason: error.message,
        err: error.cause,
      },
      'model load failed',
    );
    return rememberedError(failure, performance.now());
  }

  // --- unloading ---

  /**
   * Unloads the model. Requests in flight finish first, unless `force` is set. No effect if it is not loaded.
   *
   * @throws CortexError `conflict` if it is busy (`ifIdle`) or has another generation (`ifGeneration`)
   */
  async unload(options: UnloadOptions): Promise<void> {
    const { force, ifIdle, ifGeneration } = options;
    const phase = this.#phase;
    if (ifGeneration !== undefined && ifGeneration !== this.generation) {
      throw new CortexError('conflict', `${this.id} is at generation ${this.generation} now.`);
    }
    if (ifIdle && (phase.kind === 'loading' || !this.#deps.admission.isIdle(this.id))) {
      throw new CortexError('conflict', `${this.id} is in use.`);
    }
    switch (phase.kind) {
      case 'loading':
        this.#cancel(phase.loading);
        await phase.loading.done.catch(() => undefined);
        return;
      case 'loaded':
        await this.#beginUnload(phase.loaded, options).done;
        return;
      case 'leaving':
        if (force) phase.unloading.force();
        await phase.unloading.done;
        return;
      case 'failed':
        this.#phase = { kind: 'unloaded' };
        return;
      case 'unloaded':
        return;
    }
  }

  #beginUnload(loaded: Loaded, { force }: Pick<UnloadOptions, 'force'>): UnloadUnderWay {
    const unloading = new UnloadUnderWay({
      ...(!force && { idle: this.#deps.admission.whenIdle(this.id) }),
      end: async () => {
        try {
          await loaded.harness.unloadModel(this.id);
        } finally {
          this.#deps.ledger.release(this.id);
          this.#phase = { kind: 'unloaded' };
          this.#deps.log.info({ model: this.id }, 'model unloaded');
        }
      },
    });
    this.#phase = { kind: 'leaving', loaded, unloading };
    return unloading;
  }
}
