/** The lifecycle of one model on this node (contracts, section 3). */
import { CortexError, type LoadModelRequest, type ModelState } from '@cortex/protocol';

import type { Admission } from '../admission/admission.ts';
import type { ReservedMemory } from '../devices/memory-ledger.ts';
import type { HarnessModel } from '../harness/harness.ts';
import {
  checkSameSettings,
  differingSettings,
  type LoadSettings,
  toLoadSettings,
} from '../harness/load-settings.ts';
import type { NodeState } from '../node-state.ts';
import { type AttemptDeps, LoadAttempts } from './load-attempts.ts';
import type { Loaded } from './load-onto-harness.ts';
import type { LoadUnderWay } from './load-under-way.ts';
import { ModelPhase } from './model-phase.ts';
import { Residency } from './residency.ts';
import { sleepModel } from './sleep-model.ts';
import { beginUnload, type Held } from './begin-unload.ts';

export interface LifecycleDeps extends AttemptDeps {
  /** The load call with the harness of the server that has the model, if it names none. */
  readonly complete: (request: LoadModelRequest) => LoadModelRequest;
  readonly admission: Admission;
  /** Keeps pins and TTLs. */
  readonly state: Pick<NodeState, 'residency' | 'setResidency'>;
}

export interface UnloadOptions {
  readonly force: boolean;
  readonly ifIdle: boolean;
  readonly ifGeneration: number | undefined;
}

/** How long the failure of a model without a file is remembered after its back-off. */
const FORGET_MS = 600_000;

const conflict = (message: string): CortexError => new CortexError('conflict', message);

export class ModelLifecycle {
  readonly id: string;
  readonly #deps: LifecycleDeps;
  readonly #phase: ModelPhase;
  readonly #attempts: LoadAttempts;
  readonly #onChange: () => void;
  readonly #residency: Residency;

  /** @param onChange - Called when something changes that `/models` shows of it, except times. */
  constructor(id: string, deps: LifecycleDeps, onChange: () => void) {
    this.id = id;
    this.#deps = deps;
    this.#onChange = onChange;
    this.#residency = new Residency(id, deps.state);
    this.#phase = new ModelPhase(id, onChange);
    this.#attempts = new LoadAttempts(id, deps, {
      phase: this.#phase,
      onProgress: onChange,
      onLoaded: () => this.harnessChanged(),
    });
  }

  // --- reading ---

  /** The model in its harness; undefined unless it holds memory or a process. */
  get running(): HarnessModel | undefined {
    return this.loaded?.harness.listModels().find(({ id }) => id === this.id);
  }

  /** Settings and placement; undefined unless it holds memory or a process. */
  get loaded(): Loaded | undefined {
    const phase = this.#phase.current;
    return 'loaded' in phase ? phase.loaded : undefined;
  }

  get state(): ModelState {
    return this.#phase.state;
  }

  /** Why it has failed or is recovering; absent otherwise. */
  get reason(): string | undefined {
    const phase = this.#phase.current;
    if (phase.kind === 'failed') return phase.failure.error.message;
    return phase.kind === 'recovering' ? this.running?.reason : undefined;
  }

  get settings(): LoadSettings | undefined {
    const phase = this.#phase.current;
    if ('loading' in phase) return phase.loading.settings;
    return phase.kind === 'failed' ? phase.failure.causes.settings : this.loaded?.settings;
  }

  /** Changes with every load and every respawn. */
  get generation(): number {
    return this.#attempts.count + Math.max(0, (this.running?.incarnation ?? 1) - 1);
  }

  /** The load or download under way. */
  get loading(): Pick<LoadUnderWay, 'ratio' | 'etaS' | 'isAbandoned'> | undefined {
    const phase = this.#phase.current;
    return 'loading' in phase ? phase.loading : undefined;
  }

  /** The memory that the load under way has reserved; undefined: none yet, or there is no load. */
  get reserved(): ReservedMemory | undefined {
    return this.loading && this.#deps.ledger.reservedFor(this.id);
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
    const phase = this.#phase.current;
    if (phase.kind === 'failed') return nowMs - phase.failure.retryAtMs > FORGET_MS;
    return phase.kind === 'unloaded';
  }

  get isPinned(): boolean {
    return this.#residency.isPinned;
  }

  /** End of the last request, ISO 8601; absent before the first. */
  get lastUsedAt(): string | undefined {
    return this.#residency.lastUsedAt;
  }

  // --- using ---

  /** Call it when a request for the model has ended. */
  used(): void {
    this.#residency.used();
  }

  /** Whether the TTL has passed without a request. */
  isExpired(nowMs: number): boolean {
    const { state } = this;
    if (state !== 'loaded' && state !== 'sleeping') return false;
    if (!this.#deps.admission.isIdle(this.id)) return false;
    return this.#residency.isOver(this.idleMs(nowMs) ?? 0);
  }

  /** A pinned model is not unloaded by its TTL or for another program. */
  pin(pinned: boolean): void {
    this.#changeResidency(() => this.#residency.pin(pinned));
  }

  // --- changes from outside ---

  /** Call it after a scan: a failed model whose file was replaced or put back is unloaded. */
  filesScanned(): void {
    const phase = this.#phase.current;
    if (phase.kind === 'failed' && phase.listed !== this.#attempts.listed) {
      this.#phase.enter({ kind: 'unloaded' });
    }
  }

  /** Call it when the harness has changed the state of the model. */
  harnessChanged(): void {
    const phase = this.#phase.current;
    if (phase.kind !== 'loaded' && phase.kind !== 'recovering' && phase.kind !== 'sleeping') return;
    const { loaded } = phase;
    const held = this.running?.state;
    if (held === phase.kind) return undefined;
    if (held === undefined || held === 'failed') return this.#giveUp(phase);
    switch (phase.kind) {
      case 'loaded':
        if (held === 'recovering') return this.#phase.enter({ kind: 'recovering', loaded });
        // Somebody has put it to sleep behind our back.
        this.#deps.ledger.release(this.id);
        return this.#phase.enter({ kind: 'sleeping', loaded, asleep: Promise.resolve() });
      case 'recovering':
        return held === 'loaded' ? this.#phase.enter({ kind: 'loaded', loaded }) : undefined;
      case 'sleeping':
        // Its process has ended, so there is nothing to wake.
        return held === 'recovering' ? this.#giveUp(phase) : undefined;
    }
  }

  /** The harness has given the model up. */
  #giveUp({ kind, loaded }: Held): void {
    const { harness, settings } = loaded;
    const reason = this.running?.reason ?? `${harness.name} no longer has the model`;
    // Its process has ended, even if there was no attempt to start another one.
    if (kind === 'loaded') this.#phase.enter({ kind: 'recovering', loaded });
    this.#deps.ledger.release(this.id);
    this.#attempts.giveUp(reason, settings);
    harness.unloadModel(this.id).catch((cause: unknown) => {
      this.#deps.log.error({ err: cause, model: this.id }, 'a failed model could not be unloaded');
    });
  }

  // --- loading ---

  /**
   * Loads the model, or joins the load under way.
   *
   * A call without `wait` withdraws an unload that still waits for requests; a call with `wait` queues behind it.
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
      const phase = this.#phase.current;
      switch (phase.kind) {
        case 'loaded':
          checkSameSettings(request, phase.loaded.settings);
          this.#keep(request);
          return 'loaded';
        case 'recovering':
          checkSameSettings(request, phase.loaded.settings);
          this.#keep(request);
          if (!wait) return 'loading';
          await this.#phase.changed(wait);
          break;
        case 'sleeping':
          checkSameSettings(request, phase.loaded.settings);
          return this.#join(this.#attempts.wake(phase), request, wait);
        case 'pulling':
        case 'loading':
          checkSameSettings(request, phase.loading.settings);
          return this.#join(phase.loading, request, wait);
        case 'draining':
          if (wait || differingSettings(request, phase.loaded.settings).length > 0) {
            await this.#phase.changed(wait);
          } else {
            phase.unloading.withdraw(conflict(`${this.id} was loaded again during its unload.`));
          }
          break;
        case 'unloading':
          await this.#phase.changed(wait);
          break;
        case 'failed':
          await this.#attempts.checkMayTry(phase.failure, this.#deps.complete(request), wait);
          // Another call may have changed the phase meanwhile.
          if (this.#phase.current === phase) return this.#begin(request, wait);
          break;
        case 'unloaded':
          return this.#begin(request, wait);
      }
    }
  }

  #begin(request: LoadModelRequest, wait: AbortSignal | undefined): Promise<'loading' | 'loaded'> {
    return this.#join(this.#attempts.begin(this.#deps.complete(request)), request, wait);
  }

  async #join(
    loading: LoadUnderWay,
    request: LoadModelRequest,
    wait: AbortSignal | undefined,
  ): Promise<'loading' | 'loaded'> {
    this.#keep(request);
    await loading.join(request, wait);
    return wait || this.state === 'loaded' ? 'loaded' : 'loading';
  }

  /** TTL and pin of a load call hold from then on, whatever becomes of the load. */
  #keep(request: Pick<LoadModelRequest, 'ttl_s' | 'pinned'>): void {
    this.#changeResidency(() => this.#residency.keep(request));
  }

  #changeResidency(change: () => void): void {
    const before = this.#deps.state.residency(this.id);
    change();
    if (before !== this.#deps.state.residency(this.id)) this.#onChange();
  }

  // --- sleeping and unloading ---

  /**
   * @param ifGeneration - The generation that is meant; undefined: any.
   * @throws CortexError `conflict` if it has another generation; else as `sleepModel`
   */
  async sleep(ifGeneration?: number): Promise<void> {
    this.#checkGeneration(ifGeneration);
    await sleepModel(this.id, this.#phase, {
      ...this.#deps,
      unload: () => this.unload({ force: true, ifIdle: false, ifGeneration: undefined }),
    });
  }

  /**
   * Wakes a model. No effect if it is loaded.
   *
   * @param leaves - Aborts when the caller leaves.
   * @throws CortexError `conflict` if it is neither asleep nor loaded; `insufficient_vram`; the error of the harness
   */
  async wake(leaves: AbortSignal): Promise<void> {
    const phase = this.#phase.current;
    if (phase.kind === 'loaded') return;
    if (phase.kind !== 'sleeping') throw conflict(`${this.id} is ${phase.kind}, not asleep.`);
    await this.#join(this.#attempts.wake(phase), { model_id: this.id, detached: true }, leaves);
  }

  /**
   * Unloads the model. Requests in flight finish first, unless `force` is set. No effect if it is not loaded.
   *
   * @param leaves - Aborts when the caller leaves. An unload without callers is withdrawn while it waits for
   * requests. Absent: the caller stays.
   * @throws CortexError `conflict` if it is busy (`ifIdle`), has another generation (`ifGeneration`), or the unload
   * was withdrawn
   */
  async unload(options: UnloadOptions, leaves?: AbortSignal): Promise<void> {
    const { force, ifIdle, ifGeneration } = options;
    const phase = this.#phase.current;
    this.#checkGeneration(ifGeneration);
    if (ifIdle && ('loading' in phase || !this.#deps.admission.isIdle(this.id))) {
      throw conflict(`${this.id} is in use.`);
    }
    switch (phase.kind) {
      case 'pulling':
      case 'loading':
        this.#attempts.cancel(phase.loading);
        await phase.loading.done.catch(() => undefined);
        // The load may have ended just before it was cancelled.
        if (this.loaded) await this.unload(options, leaves);
        return;
      case 'loaded':
      case 'recovering':
      case 'sleeping':
        await beginUnload(this.id, this.#phase, {
          ...this.#deps,
          phase,
          force,
          // Its engine may have ended during the drain.
          onWithdrawn: () => this.harnessChanged(),
        }).join(leaves, this.#abandoned());
        return;
      case 'draining':
      case 'unloading':
        if (force) phase.unloading.force();
        await phase.unloading.join(leaves, this.#abandoned());
        return;
      case 'failed':
        this.#phase.enter({ kind: 'unloaded' });
        return;
      case 'unloaded':
        return;
    }
  }

  #checkGeneration(wanted: number | undefined): void {
    if (wanted === undefined || wanted === this.generation) return;
    throw conflict(`${this.id} is at generation ${this.generation} now.`);
  }

  #abandoned(): CortexError {
    return conflict(`The unload of ${this.id} was withdrawn: no caller waits for it any more.`);
  }
}
