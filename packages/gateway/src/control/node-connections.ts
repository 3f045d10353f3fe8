import type { FleetSnapshot, NodeSnapshot } from '@cortex/fleet';
import { CortexError, stateTraits } from '@cortex/protocol';
import type { Clock } from '@cortex/service';

import { NeuronClient } from '../nodes/neuron-client.ts';
import { wakeHost, type WakeTarget } from '../nodes/wake-host.ts';
import { isSameTarget, type NodeTarget } from '../wire/node-target.ts';
import { type NodeTransport } from '../wire/node-transport.ts';
import type { ControlConfig, ControlLog, NodeSettings } from './control.ts';
import type { FleetLoop } from './fleet-loop.ts';
import { HarnessRestarts } from './harness-restarts.ts';
import { NodeEvents } from './node-events.ts';
import { NodePoller } from './node-poller.ts';

/** Pause between polls of a node that requests wait for. */
const FAST_POLL_MS = 1_000;

/** Pause between polls of a host that wakes up. */
const WAKE_POLL_MS = 2000;

/** Fleets up to this size are polled simultaneously, in a burst of a few milliseconds. */
const IN_STEP_NODES = 20;

interface Connection {
  readonly wake: WakeTarget | undefined;
  readonly target: NodeTarget;
  readonly client: NeuronClient;
  readonly poller: NodePoller;
  readonly events: NodeEvents;
}

interface ConnectionsDeps {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly log: ControlLog;
  readonly loop: FleetLoop;
}

const toTarget = (node: NodeSettings, { connectS }: ControlConfig): NodeTarget => ({
  endpoint: node.endpoint,
  token: node.token,
  tlsFingerprint: node.tlsFingerprint,
  connectMs: connectS * 1000,
});

/** A client and a poller for every configured node. */
export class NodeConnections {
  readonly #deps: ConnectionsDeps;
  readonly #connections = new Map<string, Connection>();
  readonly #stopping = new Set<Promise<void>>();
  readonly #restarts: HarnessRestarts;
  readonly #stop = new AbortController();
  #pollIntervalMs = 10_000;
  #maxCycles = 0;
  #isStarted = false;

  constructor(deps: ConnectionsDeps) {
    this.#deps = deps;
    const { log, loop } = deps;
    this.#restarts = new HarnessRestarts({
      log,
      maxCycles: () => this.#maxCycles,
      requests: (node, model) => loop.state.leases.on(model, node) + loop.state.waiting(model),
    });
  }

  /**
   * Updates the connections to `config`; returns the names of nodes that were removed or are now another machine.
   */
  configure(config: ControlConfig): readonly string[] {
    this.#pollIntervalMs = config.pollIntervalS * 1000;
    this.#maxCycles = config.defragAfterCycles;
    const wanted = new Map(config.nodes.map((node) => [node.name, node]));
    const gone: string[] = [];
    for (const [name, { target }] of this.#connections) {
      const node = wanted.get(name);
      if (node?.endpoint !== target.endpoint) gone.push(name);
      // With another token or certificate it is the same node with new connections.
      if (node === undefined || !isSameTarget(target, toTarget(node, config)))
        this.#disconnect(name);
    }
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
    this.#stop.abort(new Error('cortex is shutting down'));
    for (const name of Array.from(this.#connections.keys())) this.#disconnect(name);
    await Promise.all(this.#stopping);
  }

  /** @throws CortexError no_healthy_node when the node is not configured. */
  client(node: string): NeuronClient {
    return this.#connection(node).client;
  }

  /** @throws CortexError no_healthy_node when the node is not configured. */
  target(node: string): NodeTarget {
    return this.#connection(node).target;
  }

  #connection(node: string): Connection {
    const connection = this.#connections.get(node);
    if (connection) return connection;
    throw new CortexError('no_healthy_node', `There is no node ${node} in the configuration.`);
  }

  /** Polls the node; resolves when the poll has ended, or at once for a node that is not configured. */
  async poll(node: string): Promise<void> {
    await this.#connections.get(node)?.poller.pollNow();
  }

  /** Lets a node scan its models folders, then polls it. A failed scan is ignored. */
  async rescan(node: string, signal: AbortSignal): Promise<void> {
    const connection = this.#connections.get(node);
    await connection?.client.rescan(signal).catch((error: unknown) => {
      this.#deps.log.debug({ node, err: error }, 'rescan of the models folders failed');
    });
    await this.poll(node);
  }

  /** Makes sure that a node that requests wait for is polled within a second. */
  pollSoon(node: string): void {
    this.#connections.get(node)?.poller.pollSoon();
  }

  /** Wakes the host of a node, and polls it and sends the packet again until it answers, for `forMs` at most. */
  async wake(node: string, forMs: number): Promise<void> {
    const { clock, log, loop } = this.#deps;
    const target = this.#connections.get(node)?.wake;
    if (!target) return;
    const untilMs = clock.nowMs() + forMs;
    log.info({ node, mac: target.mac }, 'waking a host');
    try {
      await wakeHost(target);
    } catch (error) {
      log.warn({ node, err: error }, 'the host could not be woken');
      loop.tell({ kind: 'wake_failed', node });
      return;
    }
    const stop = clock.every(WAKE_POLL_MS, () => {
      const isOver = clock.nowMs() > untilMs || this.#stop.signal.aborted;
      if (isOver || loop.snapshot.nodes.get(node)?.state === 'up') {
        stop();
        return;
      }
      void this.poll(node);
      // A packet can be lost, or come while the host is still falling asleep.
      wakeHost(target).catch((error: unknown) => {
        log.debug({ node, err: error }, 'the packet that wakes a host could not be sent again');
      });
    });
  }

  #connect(
    node: NodeSettings,
    { config, firstPauseRatio }: { config: ControlConfig; firstPauseRatio: number },
  ): void {
    const { clock, log, loop, transport } = this.#deps;
    const { name } = node;
    const target = toTarget(node, config);
    const called = { name, target, transport, clock };
    const client = new NeuronClient({ ...called, timeoutMs: target.connectMs });
    const poller = new NodePoller({
      name,
      client,
      clock,
      log,
      apply: (event) => {
        loop.tell(event);
        if (event.kind !== 'node_reported') return;
        events.nodeAnswered();
        const { health, models } = event;
        if (!health || !models) return;
        this.#restarts.observe({ node: name, client, health, models }, this.#stop.signal);
      },
      node: () => loop.snapshot.nodes.get(name),
      ownInFlight: () => loop.state.leases.onNode(name),
      pauseMs: () => this.#pauseMs(loop.snapshot, name),
      firstPauseRatio,
      missSpacingMs: () => this.#pollIntervalMs / 2,
    });
    const events = new NodeEvents({
      called,
      log,
      apply: (event) => loop.tell(event),
      node: () => loop.snapshot.nodes.get(name),
      poll: () => void poller.pollNow(),
    });
    this.#connections.set(name, { wake: node.wake, target, client, poller, events });
    if (this.#isStarted) poller.start();
  }

  #disconnect(name: string): void {
    const connection = this.#connections.get(name);
    if (!connection) return;
    const { poller, events } = connection;
    const stopped = Promise.all([poller.stop(), events.stop()])
      .then(() => undefined)
      .finally(() => this.#stopping.delete(stopped));
    this.#stopping.add(stopped);
    this.#connections.delete(name);
  }

  #pauseMs(snapshot: FleetSnapshot, name: string): number {
    const node = snapshot.nodes.get(name);
    const isFast = node !== undefined && this.#isWaitedFor(node);
    return isFast ? Math.min(FAST_POLL_MS, this.#pollIntervalMs) : this.#pollIntervalMs;
  }

  /** Whether a model of the node is in a transient state, or requests wait for room on one of its replicas. */
  #isWaitedFor({ state, replicas }: NodeSnapshot): boolean {
    if (state !== 'up') return false;
    for (const { model, status, isReady } of replicas.values()) {
      if (stateTraits(status).transient || (isReady && this.#deps.loop.state.waiting(model) > 0))
        return true;
    }
    return false;
  }
}
