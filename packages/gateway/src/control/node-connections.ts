import type { FleetSnapshot, NodeConfig, NodeSnapshot } from '@cortex/fleet';
import { CortexError, stateTraits } from '@cortex/protocol';

import { NeuronClient } from '../nodes/neuron-client.ts';
import type { Clock } from './clock.ts';
import type { ControlConfig, ControlLog } from './control.ts';
import type { FleetHolder } from './fleet-holder.ts';
import type { Leases } from './leases.ts';
import { NodePoller } from './node-poller.ts';

/** Between polls of a node where something is under way that requests wait for. */
const FAST_POLL_MS = 1_000;

/** Fleets up to this size are polled in step: that is a burst of a few milliseconds. */
const IN_STEP_NODES = 20;

interface Connection {
  readonly endpoint: string;
  readonly client: NeuronClient;
  readonly poller: NodePoller;
}

interface ConnectionsDeps {
  readonly clock: Clock;
  readonly log: ControlLog;
  readonly fleet: FleetHolder;
  readonly leases: Leases;
  readonly waiting: (model: string) => number;
}

/** A client and a poller for every configured node. */
export class NodeConnections {
  readonly #deps: ConnectionsDeps;
  readonly #connections = new Map<string, Connection>();
  readonly #stopping = new Set<Promise<void>>();
  #pollIntervalMs = 10_000;
  #isStarted = false;

  constructor(deps: ConnectionsDeps) {
    this.#deps = deps;
  }

  /** Makes the connections what `config` says; returns the names of nodes that were removed or are another machine now. */
  configure(config: ControlConfig): readonly string[] {
    this.#pollIntervalMs = config.pollIntervalS * 1000;
    const wanted = new Map(config.nodes.map((node) => [node.name, node]));
    const gone = [...this.#connections]
      .filter(([name, { endpoint }]) => wanted.get(name)?.endpoint !== endpoint)
      .map(([name]) => name);
    for (const name of gone) this.#disconnect(name);
    const count = config.nodes.length;
    for (const [index, node] of config.nodes.entries()) {
      const firstPauseRatio = count <= IN_STEP_NODES ? 1 : (index + 1) / count;
      if (!this.#connections.has(node.name)) this.#connect(node, { config, firstPauseRatio });
    }
    return gone;
  }

  start(): void {
    this.#isStarted = true;
    for (const { poller } of this.#connections.values()) poller.start();
  }

  async stop(): Promise<void> {
    for (const name of Array.from(this.#connections.keys())) this.#disconnect(name);
    await Promise.all(this.#stopping);
  }

  /** @throws CortexError no_healthy_node when the node is not configured (any more). */
  client(node: string): NeuronClient {
    const connection = this.#connections.get(node);
    if (connection) return connection.client;
    throw new CortexError('no_healthy_node', `There is no node ${node} in the configuration.`);
  }

  /** A fresh poll; resolves when it is over, at once for a node that is not configured. */
  async poll(node: string): Promise<void> {
    await this.#connections.get(node)?.poller.pollNow();
  }

  /** Sees to it that a node where something is under way is polled within a second. */
  hurry(node: string): void {
    this.#connections.get(node)?.poller.hurry();
  }

  #connect(
    { name, endpoint }: NodeConfig,
    { config, firstPauseRatio }: { config: ControlConfig; firstPauseRatio: number },
  ): void {
    const { clock, log, fleet, leases } = this.#deps;
    const { nodeToken } = config;
    const client = new NeuronClient({
      name,
      endpoint,
      timeoutMs: config.connectS * 1000,
      clock,
      ...(nodeToken !== undefined && { nodeToken }),
    });
    const poller = new NodePoller({
      name,
      client,
      clock,
      log,
      apply: (event) => fleet.apply(event),
      node: () => fleet.snapshot.nodes.get(name),
      ownInFlight: () => leases.ownByModel(name),
      pauseMs: () => this.#pauseMs(fleet.snapshot, name),
      firstPauseRatio,
      missSpacingMs: () => this.#pollIntervalMs / 2,
    });
    this.#connections.set(name, { endpoint, client, poller });
    if (this.#isStarted) poller.start();
  }

  #disconnect(name: string): void {
    const connection = this.#connections.get(name);
    if (!connection) return;
    const stopped = connection.poller.stop().finally(() => this.#stopping.delete(stopped));
    this.#stopping.add(stopped);
    this.#connections.delete(name);
  }

  #pauseMs(snapshot: FleetSnapshot, name: string): number {
    const node = snapshot.nodes.get(name);
    const isFast = node !== undefined && this.#isWaitedFor(node);
    return isFast ? Math.min(FAST_POLL_MS, this.#pollIntervalMs) : this.#pollIntervalMs;
  }

  /** A change is under way there, or requests wait for room on one of its replicas. */
  #isWaitedFor({ state, replicas }: NodeSnapshot): boolean {
    if (state !== 'up') return false;
    for (const { model, status, isReady } of replicas.values()) {
      if (stateTraits(status).transient || (isReady && this.#deps.waiting(model) > 0)) return true;
    }
    return false;
  }
}
