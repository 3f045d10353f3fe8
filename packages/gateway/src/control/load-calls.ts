import type { Action, DecideEvent, FleetSnapshot, LoadOutcome } from '@cortex/fleet';
import { CortexError, stateTraits, toCortexError } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import type { NeuronClient } from '../nodes/neuron-client.ts';
import type { ControlLog } from './control.ts';
import type { EvictionCounts } from './eviction-counts.ts';
import { LoadLog, type LoadTarget } from './load-log.ts';
import { toLoadRequest } from './load-request.ts';
import { replacingAsleep } from './replacing-asleep.ts';
import { evictVictim } from './evict-victim.ts';

interface LoadCallsDeps {
  readonly clock: Clock;
  readonly log: ControlLog;
  readonly snapshot: () => FleetSnapshot;
  readonly subscribe: (listener: () => void) => () => void;
  readonly tell: (event: DecideEvent) => void;
  readonly client: (node: string) => NeuronClient;
  readonly evictions: EvictionCounts;
  /** Polls the node. Never rejects. */
  readonly poll: (node: string) => Promise<void>;
}

type LoadAction = Extract<Action, { readonly kind: 'load' }>;

/** When a load began and ended, monotonic ms. */
interface PastLoad {
  readonly startedMs: number;
  readonly endedMs: number;
}

interface Job extends LoadTarget {
  readonly controller: AbortController;
  readonly startedMs: number;
  /** MiB; undefined: it may take what is free. */
  readonly limitMib?: number | undefined;
  /** The state that the node answered to a load that goes on although nobody waits. */
  readonly accepted: PromiseWithResolvers<string>;
  /** Victims are still there: the node would refuse the load. */
  isMakingRoom: boolean;
  /** The load goes on although nobody waits. */
  isDetached: boolean;
  /** When the node reported the model as loaded. */
  loadedMs?: number | undefined;
}

const NOT_WANTED = new Error('no request waits for the load');
/** Length to which a reason from a node is shortened. */
const MAX_REASON_CHARS = 2_000;

/** These fail again with the same file and settings. */
const STRUCTURAL: ReadonlySet<string> = new Set([
  'model_load_failed',
  'model_not_found',
  'invalid_request',
  'unsupported_parameter',
]);

const isTransient = ({ code, details }: CortexError): boolean =>
  details.transient === true || !STRUCTURAL.has(code);

const keyOf = ({ node, model }: LoadTarget): string => `${node}\n${model}`;

/**
 * The loads that cortex performs: the conditional evictions of a plan, then one open `POST /models/load?wait=true`, whose
 * end is told as an event. Closing it tells the node that no request waits for the load.
 */
export class LoadCalls {
  readonly #deps: LoadCallsDeps;
  readonly #log: LoadLog;
  readonly #jobs = new Map<string, Job>();
  readonly #running = new Set<Promise<void>>();
  /** By node, then model: at most one per model of the fleet. */
  readonly #lastLoads = new Map<string, Map<string, PastLoad>>();

  constructor(deps: LoadCallsDeps) {
    this.#deps = deps;
    this.#log = new LoadLog(deps.log);
  }

  start(action: LoadAction): void {
    const { model, node, isDetached, limitMib } = action;
    const accepted = Promise.withResolvers<string>();
    // Only the operator waits for it.
    accepted.promise.catch(() => undefined);
    const startedMs = this.#deps.clock.nowMs();
    const job = {
      model,
      node,
      accepted,
      startedMs,
      limitMib,
      isDetached,
      isMakingRoom: true,
      controller: new AbortController(),
    };
    this.#jobs.set(keyOf(job), job);
    const run = this.#run(job, action).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Has the node go on with a load although nobody waits; once there is room, if victims are still to leave. */
  keep(target: LoadTarget): void {
    const job = this.#jobs.get(keyOf(target));
    if (!job) return;
    job.isDetached = true;
    if (!job.isMakingRoom) void this.#detach(job).catch(() => undefined);
  }

  cancel(target: LoadTarget): void {
    this.#jobs.get(keyOf(target))?.controller.abort(NOT_WANTED);
  }

  /** Resolves with the state of the model when the node has accepted a load that goes on although nobody waits. */
  async accepted(target: LoadTarget): Promise<string> {
    return (await this.#jobs.get(keyOf(target))?.accepted.promise) ?? 'loaded';
  }

  /** Asks the node what a load needs, and tells it. */
  async estimate(target: LoadTarget, signal: AbortSignal): Promise<void> {
    const estimate = await this.#needOf(target, signal);
    const { leastMib, mostMib } = estimate ?? {};
    this.#deps.tell({ kind: 'estimated', ...target, mib: leastMib, mostMib });
  }

  /**
   * The last load of this replica that cortex waited for; undefined: none. A replica can be ready before its load
   * call returns, when a report arrives first. It then counts as loaded now.
   */
  lastLoad(target: LoadTarget): PastLoad | undefined {
    const job = this.#jobs.get(keyOf(target));
    if (job === undefined) return this.#lastLoads.get(target.node)?.get(target.model);
    return { startedMs: job.startedMs, endedMs: job.loadedMs ?? this.#deps.clock.nowMs() };
  }

  /** Forgets the past loads of a node that was removed or replaced. */
  forgetNode(node: string): void {
    this.#lastLoads.delete(node);
  }

  async close(): Promise<void> {
    for (const { controller } of this.#jobs.values()) controller.abort(NOT_WANTED);
    await Promise.all(this.#running);
  }

  async #run(job: Job, { after, record }: LoadAction): Promise<void> {
    const { model, node, startedMs } = job;
    const target = { model, node };
    const { signal } = job.controller;
    this.#log.began(
      target,
      after.map((victim) => victim.model),
      startedMs,
    );
    try {
      for (const victim of after) {
        if (!(await evictVictim(this.#deps, { node, signal }, victim)))
          return this.#end(job, { kind: 'changed' });
        const { why = 'idle' } = record.victims.find((known) => known.model === victim.model) ?? {};
        this.#deps.evictions.add(why);
      }
      job.isMakingRoom = false;
      if (job.isDetached) await this.#detach(job);
      const request = this.#request(job);
      const client = this.#deps.client(node);
      await replacingAsleep(this.#deps, job, () => client.loadAndWait(request, signal));
      const loadedMs = this.#deps.clock.nowMs();
      job.loadedMs = loadedMs;
      // The report has slots and queue length, which are needed before waiting requests are admitted.
      await this.#deps.poll(node);
      this.#assertStillLoaded(job, loadedMs);
      this.#noteLoaded(job, loadedMs);
      this.#log.ended(target, loadedMs - startedMs);
      return this.#end(job, { kind: 'loaded' });
    } catch (error) {
      return this.#end(job, await this.#failed(job, error));
    }
  }

  #request(target: LoadTarget & Pick<Job, 'limitMib'>) {
    return toLoadRequest(this.#deps.snapshot(), target);
  }

  async #detach(job: Job): Promise<void> {
    const { client } = this.#deps;
    try {
      const { signal } = job.controller;
      const status = await replacingAsleep(this.#deps, job, () =>
        client(job.node).startLoad(this.#request(job), signal),
      );
      job.accepted.resolve(status);
    } catch (error) {
      job.accepted.reject(error);
      throw error;
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

  async #failed(job: Job, thrown: unknown): Promise<LoadOutcome> {
    const { signal } = job.controller;
    if (signal.aborted) return { kind: 'cancelled' };
    const error = toCortexError(thrown);
    if (error.code === 'conflict' && (await this.#loadsOtherwise(job))) {
      this.#noteLoaded(job, this.#deps.clock.nowMs());
      return { kind: 'cancelled' };
    }
    if (signal.aborted) return { kind: 'cancelled' };
    const { model, node } = job;
    const isOutOfMemory = error.code === 'insufficient_vram';
    // What has taken it, only the node knows.
    if (isOutOfMemory) await this.#deps.poll(node);
    this.#log.failed({ model, node }, error, isTransient(error), this.#deps.clock.nowMs());
    job.accepted.reject(error);
    const { retryAfterS } = error.details;
    return {
      kind: 'failed',
      reason: error.message.slice(0, MAX_REASON_CHARS),
      isTransient: isTransient(error),
      isNodeLost: error.code === 'node_unreachable',
      retryInMs: retryAfterS === undefined ? undefined : retryAfterS * 1000,
      isOutOfMemory,
      needMib: isOutOfMemory ? (await this.#needOf(job, signal))?.leastMib : undefined,
    };
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
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = subscribe(() => {
        if (!isUnderWay()) resolve();
      });
      controller.signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
      stop();
    }
    return status() === 'loaded';
  }

  /** What a load needs on the node, at least and at most; undefined: it cannot say. */
  async #needOf(target: LoadTarget, signal: AbortSignal) {
    const { client, log } = this.#deps;
    try {
      const estimate = await client(target.node).estimate(this.#request(target), signal);
      return { leastMib: estimate.leastMib ?? estimate.needMib, mostMib: estimate.mostMib };
    } catch (error) {
      log.debug({ ...target, err: error }, 'the memory that a load needs is not known');
      return undefined;
    }
  }

  #noteLoaded({ model, node, startedMs }: Job, endedMs: number): void {
    const byModel = this.#lastLoads.get(node) ?? new Map<string, PastLoad>();
    this.#lastLoads.set(node, byModel.set(model, { startedMs, endedMs }));
  }

  /** Tells the outcome, unless another load of the model on this node has replaced this one. */
  #end(job: Job, outcome: LoadOutcome): void {
    const { model, node } = job;
    if (this.#jobs.get(keyOf(job)) !== job) return;
    this.#jobs.delete(keyOf(job));
    job.accepted.reject(new CortexError('no_capacity', `${node} does not load ${model} now.`));
    this.#deps.tell({ kind: 'load_ended', node, model, outcome });
    if (outcome.kind === 'cancelled') void this.#deps.poll(node);
  }
}
