import type { FleetEvent, FleetSnapshot, Replica } from '@cortex/fleet';
import { CortexError, type LoadingState, stateTraits, toCortexError } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import type { ControlLog } from './control.ts';

interface LoadQueueDeps {
  readonly clock: Clock;
  readonly log: ControlLog;
  readonly snapshot: () => FleetSnapshot;
  readonly apply: (event: FleetEvent) => void;
  readonly subscribe: (listener: () => void) => () => void;
  /** Resolves when the node has reported that the model is loaded. */
  readonly load: (target: LoadTarget, signal: AbortSignal) => Promise<void>;
  /** Polls the node. Never rejects. */
  readonly poll: (node: string) => Promise<void>;
  /** Whether the load repeats one whose failure was logged a moment ago. */
  readonly isRepeat: (target: LoadTarget) => boolean;
  /** Records the failure; returns whether to log it. */
  readonly failed: (target: LoadTarget, error: CortexError) => boolean;
  readonly loaded: (target: LoadTarget) => void;
  /** Called when cortex no longer waits for a load, for any reason. */
  readonly ended: (model: string) => void;
}

export interface LoadTarget {
  readonly model: string;
  readonly node: string;
}

/** When a load began and ended, monotonic ms. */
export interface PastLoad {
  readonly startedMs: number;
  readonly endedMs: number;
}

interface Job extends LoadTarget {
  readonly controller: AbortController;
  readonly startedMs: number;
  /** When the node reported the model as loaded. */
  loadedMs?: number | undefined;
}

const NOT_WANTED = new Error('no request waits for the load');

/**
 * Loads that cortex waits for: one per wanted replica, for any number of requests (behaviour 20). Each is one open
 * `POST /models/load?wait=true`. Closing it tells the node that no request waits for the load.
 */
export class LoadQueue {
  readonly #deps: LoadQueueDeps;
  readonly #jobs = new Map<string, Map<string, Job>>();
  readonly #running = new Set<Promise<void>>();
  /** By node, then model: at most one per model of the fleet. */
  readonly #lastLoads = new Map<string, Map<string, PastLoad>>();

  constructor(deps: LoadQueueDeps) {
    this.#deps = deps;
  }

  /** Whether a load for the model is in progress, on `node` where given. */
  has(model: string, node?: string): boolean {
    const jobs = this.#jobs.get(model);
    return node === undefined ? jobs !== undefined : (jobs?.has(node) ?? false);
  }

  /**
   * Starts the load, or joins one that the node has started for another caller. Does nothing if cortex already
   * waits for it.
   */
  ensure(target: LoadTarget): void {
    if (this.has(target.model, target.node)) return;
    const job: Job = {
      ...target,
      controller: new AbortController(),
      startedMs: this.#deps.clock.nowMs(),
    };
    const jobs = this.#jobs.get(job.model) ?? new Map<string, Job>();
    this.#jobs.set(job.model, jobs.set(job.node, job));
    const run = this.#run(job).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /**
   * The last load of this replica that cortex waited for; undefined: none. A replica can be ready before its load
   * call returns, when a report arrives first. It then counts as loaded now.
   */
  lastLoad({ model, node }: LoadTarget): PastLoad | undefined {
    const job = this.#jobs.get(model)?.get(node);
    if (job === undefined) return this.#lastLoads.get(node)?.get(model);
    return { startedMs: job.startedMs, endedMs: job.loadedMs ?? this.#deps.clock.nowMs() };
  }

  /** Forgets the past loads of a node that was removed or replaced. */
  forgetNode(node: string): void {
    this.#lastLoads.delete(node);
  }

  /** Cancels the loads of the model for which `isWanted` (by node) returns false. */
  abandon(model: string, isWanted: (node: string) => boolean): void {
    for (const job of this.#jobs.get(model)?.values() ?? []) {
      if (!isWanted(job.node)) job.controller.abort(NOT_WANTED);
    }
  }

  /** Ends the load calls to nodes that are down or removed, which would never be answered. */
  failUnreachable(snapshot: FleetSnapshot): void {
    for (const jobs of this.#jobs.values()) {
      for (const { node, controller } of jobs.values()) {
        const state = snapshot.nodes.get(node)?.state;
        if (state === 'up') continue;
        const how = state === undefined ? 'was removed' : 'is down';
        controller.abort(new CortexError('node_unreachable', `${node} ${how}.`));
      }
    }
  }

  /** The state of the load of `replica`, for clients. */
  describe(replica: Replica): LoadingState {
    const startedMs = this.#jobs.get(replica.model)?.get(replica.node)?.startedMs;
    const { progress } = replica;
    const elapsedS =
      startedMs === undefined ? undefined : (this.#deps.clock.nowMs() - startedMs) / 1000;
    const isMeasured = elapsedS !== undefined && progress !== undefined && progress > 0;
    const ownEtaS = isMeasured ? Math.ceil((elapsedS * (1 - progress)) / progress) : undefined;
    return {
      state: replica.status,
      node: replica.node,
      progress,
      // The node knows its earlier loads, and when a load began that cortex has only joined.
      eta_s: replica.etaS ?? ownEtaS,
    };
  }

  async close(): Promise<void> {
    for (const model of this.#jobs.keys()) this.abandon(model, () => false);
    await Promise.all(this.#running);
  }

  async #run(job: Job): Promise<void> {
    const { apply, clock, log, load, loaded } = this.#deps;
    const { model, node, startedMs } = job;
    apply({ kind: 'load_started', node, model, atMs: startedMs });
    log[this.#deps.isRepeat(job) ? 'debug' : 'info']({ node, model }, 'loading');
    try {
      await load(job, job.controller.signal);
      const loadedMs = clock.nowMs();
      job.loadedMs = loadedMs;
      // The report has slots and queue length, which are needed before waiting requests are admitted.
      await this.#deps.poll(node);
      this.#assertStillLoaded(job, loadedMs);
      this.#remove(job);
      this.#noteLoaded(job, loadedMs);
      loaded(job);
      log.info({ node, model, loadMs: Math.round(loadedMs - startedMs) }, 'loaded');
      apply({ kind: 'load_ended', node, model, result: { kind: 'loaded' }, atMs: loadedMs });
      this.#deps.ended(model);
    } catch (error) {
      await this.#settleFailure(job, error);
    }
  }

  /** Without this check, a node that returns "loaded" and then does not list the model would be asked endlessly. */
  #assertStillLoaded({ model, node }: LoadTarget, loadedMs: number): void {
    const known = this.#deps.snapshot().nodes.get(node);
    const status = known?.reported.get(model)?.status;
    if (!known || known.reportedAtMs < loadedMs || known.misses > 0 || status === 'loaded') return;
    throw new CortexError(
      'model_load_failed',
      `the node said it was loaded, then reported it as ${status ?? 'absent'}`,
      { transient: true },
    );
  }

  async #settleFailure(job: Job, thrown: unknown): Promise<void> {
    const { apply, clock, log, failed } = this.#deps;
    const { model, node } = job;
    if (thrown === NOT_WANTED) return this.#cancelled(job);
    const error = toCortexError(thrown);
    if (error.code === 'conflict' && (await this.#loadsOtherwise(job))) {
      this.#noteLoaded(job, clock.nowMs());
      return this.#cancelled(job);
    }
    if (job.controller.signal.reason === NOT_WANTED) return this.#cancelled(job);
    this.#remove(job);
    const level = failed(job, error) ? 'warn' : 'debug';
    log[level]({ node, model, code: error.code, reason: error.message }, 'load failed');
    const result = { kind: 'failed', reason: error.message } as const;
    apply({ kind: 'load_ended', node, model, result, atMs: clock.nowMs() });
    this.#deps.ended(model);
    return undefined;
  }

  /**
   * Handles a node that has the model, or loads it, with other settings: the model is served as it is. True when it
   * is loaded in the end.
   */
  async #loadsOtherwise({ model, node, controller }: Job): Promise<boolean> {
    const { snapshot, subscribe, poll } = this.#deps;
    await poll(node);
    const status = () => snapshot().nodes.get(node)?.reported.get(model)?.status;
    const isUnderWay = () => stateTraits(status() ?? 'unloaded').underWay;
    if (isUnderWay() && !controller.signal.aborted) {
      await new Promise<void>((resolve) => {
        const stop = subscribe(() => {
          if (isUnderWay()) return;
          stop();
          resolve();
        });
        const leave = () => {
          stop();
          resolve();
        };
        controller.signal.addEventListener('abort', leave, { once: true });
      });
    }
    return status() === 'loaded';
  }

  #noteLoaded({ model, node, startedMs }: Job, endedMs: number): void {
    const byModel = this.#lastLoads.get(node) ?? new Map<string, PastLoad>();
    this.#lastLoads.set(node, byModel.set(model, { startedMs, endedMs }));
  }

  #cancelled(job: Job): void {
    const { apply, clock, poll } = this.#deps;
    this.#remove(job);
    const { model, node } = job;
    apply({ kind: 'load_ended', node, model, result: { kind: 'cancelled' }, atMs: clock.nowMs() });
    this.#deps.ended(model);
    void poll(node);
  }

  #remove({ model, node }: Job): void {
    const jobs = this.#jobs.get(model);
    jobs?.delete(node);
    if (jobs?.size === 0) this.#jobs.delete(model);
  }
}
