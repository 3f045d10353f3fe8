import type { ReportedEvent, NodeSnapshot } from '@cortex/fleet';
import { type Discovery, type ModelEntry, type NodeHealth, toCortexError } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import type { NeuronClient } from '../nodes/neuron-client.ts';
import { acceptModels } from './accept-models.ts';
import type { ControlLog } from './control.ts';

/** Hardware and harnesses change rarely, but an upgraded neuron may report more. */
const DISCOVERY_EVERY_MS = 600_000;

interface PollerDeps {
  readonly name: string;
  readonly client: NeuronClient;
  readonly clock: Clock;
  readonly log: ControlLog;
  readonly apply: (event: ReportedEvent) => void;
  readonly node: () => NodeSnapshot | undefined;
  /** Own leases on the node by model, now. */
  readonly ownInFlight: () => ReadonlyMap<string, number>;
  /** Pause until the next poll; called after each poll. */
  readonly pauseMs: () => number;
  /**
   * The pause after the first poll, as a fraction of the usual one: spreads the polls of a large fleet over the
   * interval.
   */
  readonly firstPauseRatio: number;
  /** Missed polls closer together than this count as one, because failing requests cause additional polls. */
  readonly missSpacingMs: () => number;
}

interface Found {
  readonly discovery?: Discovery | undefined;
  readonly version?: string | undefined;
}

interface Answers extends Found {
  readonly health: NodeHealth;
  readonly models: readonly ModelEntry[];
  readonly revision: number | undefined;
}

interface KnownPath {
  readonly generation: number;
  readonly path: string;
}

/**
 * Polls one node on its own timer, so that a slow or hung node does not affect others.
 *
 * Two polls of a node never overlap.
 */
export class NodePoller {
  readonly #deps: PollerDeps;
  readonly #stop = new AbortController();
  #basePaths: ReadonlyMap<string, KnownPath> = new Map();
  #discoveredMs: number | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #dueMs = Infinity;
  #missedMs = -Infinity;
  #pauseRatio: number;

  constructor(deps: PollerDeps) {
    this.#deps = deps;
    this.#pauseRatio = deps.firstPauseRatio;
  }

  /** Polls now, then again after every pause. */
  start(): void {
    void this.pollNow();
  }

  /** Resolves when a poll that started after this call has ended, with any result. */
  pollNow(): Promise<void> {
    if (!this.#running) return this.#begin();
    // The running poll may be too old for the caller: one more follows it, shared by all callers.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  /** Moves the next poll forward if the current pause is shorter than the one it was scheduled with. */
  pollSoon(): void {
    if (this.#running || this.#stop.signal.aborted) return;
    const pauseMs = this.#deps.pauseMs();
    if (this.#deps.clock.nowMs() + pauseMs < this.#dueMs) this.#schedule(pauseMs);
  }

  /** Ends the timer and a running poll, whose result is ignored. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the poller was stopped'));
    this.#cancelTimer?.();
    await this.#running;
  }

  #begin(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    this.#cancelTimer?.();
    this.#running = this.#poll().finally(() => {
      this.#running = undefined;
      if (this.#stop.signal.aborted || this.#next) return;
      this.#schedule(this.#deps.pauseMs() * this.#pauseRatio);
      this.#pauseRatio = 1;
    });
    return this.#running;
  }

  #schedule(pauseMs: number): void {
    this.#cancelTimer?.();
    this.#dueMs = this.#deps.clock.nowMs() + pauseMs;
    this.#cancelTimer = this.#deps.clock.setTimer(pauseMs, () => {
      this.#dueMs = Infinity;
      void this.pollNow();
    });
  }

  async #poll(): Promise<void> {
    const { name, clock, apply, ownInFlight } = this.#deps;
    const signal = this.#stop.signal;
    const sentMs = clock.nowMs();
    const own = ownInFlight();
    let answers: Answers;
    try {
      answers = await this.#ask(signal);
      await this.#askBasePaths(answers.models, signal);
    } catch (error) {
      if (!signal.aborted) this.#miss(sentMs, error);
      return;
    }
    if (signal.aborted) return;
    this.#missedMs = -Infinity;
    apply({
      kind: 'node_reported',
      node: name,
      sentMs,
      atMs: clock.nowMs(),
      ownInFlight: own,
      ...answers,
    });
  }

  /** All or nothing: a node that cannot list its models cannot be used. */
  async #ask(signal: AbortSignal): Promise<Answers> {
    const { client } = this.#deps;
    const [health, listed, found] = await Promise.all([
      client.health(signal),
      client.models(signal),
      this.#discover(signal),
    ]);
    const { models, revision } = listed;
    return { health, models: acceptModels(models), revision, ...found };
  }

  #miss(sentMs: number, thrown: unknown): void {
    const { name, clock, apply, missSpacingMs } = this.#deps;
    const atMs = clock.nowMs();
    if (atMs - this.#missedMs < missSpacingMs()) return;
    this.#missedMs = atMs;
    const { message } = toCortexError(thrown);
    apply({ kind: 'node_missed', node: name, sentMs, atMs, error: message });
  }

  /**
   * Discovery and version, at first contact, at reconnect and every ten minutes. A failure has no effect on the
   * node's state.
   */
  async #discover(signal: AbortSignal): Promise<Found> {
    const { client, clock, log, name, node } = this.#deps;
    const known = node();
    const isReconnect = known === undefined || known.state !== 'up' || known.misses > 0;
    const nowMs = clock.nowMs();
    const isFresh =
      this.#discoveredMs !== undefined && nowMs - this.#discoveredMs < DISCOVERY_EVERY_MS;
    if (isFresh && !isReconnect) return {};
    const [discovery, version] = await Promise.allSettled([
      client.discovery(signal),
      client.version(signal),
    ]);
    if (discovery.status === 'fulfilled') this.#discoveredMs = nowMs;
    else log.debug({ node: name, err: discovery.reason }, 'discovery failed');
    return {
      discovery: discovery.status === 'fulfilled' ? discovery.value : undefined,
      version: version.status === 'fulfilled' ? version.value.version : undefined,
    };
  }

  /**
   * Asks for the inference path of a model, once per load and before the model counts as loaded. A node may return
   * none. The calls are sequential: in a large fleet, parallel calls at first contact would delay the polls beyond
   * their deadline.
   */
  async #askBasePaths(models: readonly ModelEntry[], signal: AbortSignal): Promise<void> {
    const { client, clock, log, name, apply } = this.#deps;
    const before = this.#basePaths;
    const loaded = models.filter(({ status }) => status === 'loaded');
    const basePaths = new Map<string, KnownPath>();
    const unknown: ModelEntry[] = [];
    for (const model of loaded) {
      const known = before.get(model.id);
      if (known?.generation === model.generation) basePaths.set(model.id, known);
      else unknown.push(model);
    }
    if (unknown.length === 0 && basePaths.size === before.size) return;
    try {
      for (const { id, generation } of unknown) {
        basePaths.set(id, { generation, path: await client.endpointPath(id, signal) });
      }
    } catch (error) {
      log.debug({ node: name, err: error }, 'endpoint query failed');
    }
    if (signal.aborted) return;
    this.#basePaths = basePaths;
    const paths = new Map([...basePaths].map(([model, { path }]) => [model, path]));
    apply({ kind: 'base_paths_known', node: name, basePaths: paths, atMs: clock.nowMs() });
  }
}
