import type { FleetEvent, NodeSnapshot } from '@cortex/fleet';
import { type Discovery, type ModelEntry, type NodeHealth, toCortexError } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import type { NeuronClient } from '../nodes/neuron-client.ts';
import { acceptModels } from './accept-models.ts';
import type { ControlLog } from './control.ts';

/** Hardware and harnesses change rarely, but an upgraded neuron may tell more. */
const DISCOVERY_EVERY_MS = 600_000;

interface PollerDeps {
  readonly name: string;
  readonly client: NeuronClient;
  readonly clock: Clock;
  readonly log: ControlLog;
  readonly apply: (event: FleetEvent) => void;
  readonly node: () => NodeSnapshot | undefined;
  /** Own leases on the node by model, now. */
  readonly ownInFlight: () => ReadonlyMap<string, number>;
  /** Until the next poll, asked after each. */
  readonly pauseMs: () => number;
  /**
   * The pause after the very first poll, as a part of the usual one: spreads the polls of a large fleet over the
   * interval.
   */
  readonly firstPauseRatio: number;
  /** Misses closer together than this count as one: a node may be asked more often than usual while requests fail. */
  readonly missSpacingMs: () => number;
}

interface Found {
  readonly discovery?: Discovery | undefined;
  readonly version?: string | undefined;
}

interface Answers extends Found {
  readonly health: NodeHealth;
  readonly models: readonly ModelEntry[];
}

interface KnownPath {
  readonly generation: number;
  readonly path: string;
}

/**
 * Asks one node again and again, on its own timer, so that a slow or hung node costs only itself.
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

  /** Resolves when a poll that began after this call is over, whatever came of it. */
  pollNow(): Promise<void> {
    if (!this.#running) return this.#begin();
    // The poll under way may have asked before what the caller wants to see: one more after it, shared.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  /** Sees to it that the next poll is due after the pause as it is now, and not later. */
  hurry(): void {
    if (this.#running || this.#stop.signal.aborted) return;
    const pauseMs = this.#deps.pauseMs();
    if (this.#deps.clock.nowMs() + pauseMs < this.#dueMs) this.#schedule(pauseMs);
  }

  /** Ends the timer and a poll under way, whose outcome counts no more. */
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

  /** All or nothing: a node that cannot say what it has loaded cannot be used either. */
  async #ask(signal: AbortSignal): Promise<Answers> {
    const { client } = this.#deps;
    const [health, models, found] = await Promise.all([
      client.health(signal),
      client.models(signal),
      this.#discover(signal),
    ]);
    return { health, models: acceptModels(models), ...found };
  }

  #miss(sentMs: number, thrown: unknown): void {
    const { name, clock, apply, missSpacingMs } = this.#deps;
    const atMs = clock.nowMs();
    if (atMs - this.#missedMs < missSpacingMs()) return;
    this.#missedMs = atMs;
    const { message } = toCortexError(thrown);
    apply({ kind: 'node_missed', node: name, sentMs, atMs, error: message });
  }

  /** What the node is, at first contact, at reconnect and every ten minutes. A node that cannot say is still used. */
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
   * The path under which inference is sent, asked once per load of a model, before the model counts as loaded; none
   * where a
   * node does not say. One after the other: many at once, from every node of a large fleet at first contact, would keep
   * the polls themselves from their deadline.
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
