import type { Alias, CatalogueModel, FleetSnapshot, NodeConfig, Resolution } from '@cortex/fleet';

import type { WireRequest } from '../wire/format-request.ts';
import type { WireResponse } from '../wire/node-connection.ts';
import type { SendOptions } from '../wire/node-transport.ts';

/** Settings of cortex.toml that control reads. */
export interface ControlConfig {
  readonly nodes: readonly NodeSettings[];
  readonly pollIntervalS: number;
  readonly failuresBeforeDown: number;
  /** Longest wait for a management answer of a node, and for the first contact with all nodes. */
  readonly connectS: number;
  /** Requests waiting in cortex, per model. */
  readonly maxWaiting: number;
  /** Longest wait of a streamed request, from its arrival. */
  readonly maxWaitS: number;
  /** Longest wait of a request that is not streamed, from its arrival. */
  readonly maxHoldS: number;
}

/** One `[[neurons]]`. */
export interface NodeSettings extends NodeConfig {
  /** Bearer token of its API; undefined: none is sent. */
  readonly token?: string | undefined;
  /** SHA-256 of its TLS certificate, 64 lower-case hex digits; undefined: name and chain are checked. */
  readonly tlsFingerprint?: string | undefined;
}

/** What pino's logger offers and control uses. */
export interface ControlLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface AcquireRequest {
  readonly requestId: string;
  /** A resolved model id. An unknown name is rejected with the final 404 (or 503 while no node has answered). */
  readonly model: string;
  /** Only this node will do (`id@node`). */
  readonly node?: string | undefined;
  /** Slots taken, all or nothing: the request's `n`; 0 for one that needs only the model's file, and no seat. */
  readonly weight: number;
  readonly stream: boolean;
  readonly affinityKey?: string | undefined;
  /**
   * Nodes that failed this request already and are not asked again. A node that refused with `queue_full` or
   * `model_not_loaded` does not belong here.
   */
  readonly tried: readonly string[];
  /** A node that is asked only where no other has room. */
  readonly avoided?: string | undefined;
  /**
   * Monotonic (`Clock.nowMs`) arrival: the waits count from it, and it keeps its place in the queue when it comes
   * back.
   */
  readonly arrivedMs: number;
}

export type LeaseSendOptions = Pick<SendOptions, 'connection' | 'onCancel'>;

/** One request's place on a replica. Its holder releases it whatever happens, also when the signal has aborted. */
export interface Lease {
  readonly id: string;
  readonly node: string;
  readonly model: string;
  /** Milliseconds waited for room. */
  readonly queueMs: number;
  /** Milliseconds waited for the load of this replica; undefined: the request did not wait for it. */
  readonly loadMs: number | undefined;
  /** Sends a request to the replica, with the node's token. @throws as `NodeTransport.send` */
  send(request: WireRequest, options: LeaseSendOptions): Promise<WireResponse>;
  /** The node has missed its polls. False for a node that left the configuration: its requests finish. */
  isNodeDown(): boolean;
  /** Idempotent. Counts as the last use of the model. */
  release(): void;
}

/**
 * Outcome of an attempt that changes the snapshot before the next poll: what the node refused with, or that it could
 * not be reached. `queue_full`: the replica counts as full until its next report or a release, so that the next
 * `acquire` waits. Call it before acquiring again.
 */
export interface AttemptReport {
  readonly kind:
    'model_not_loaded' | 'transport_failure' | 'queue_full' | 'node_recovering' | 'shutting_down';
  readonly node: string;
  readonly model: string;
}

export interface ModelCall {
  readonly model: string;
  readonly node?: string | undefined;
}

export interface ModelCallResult {
  readonly node: string;
  readonly status: string;
}

/** Where requests get a place, and the one snapshot of the fleet. */
export interface Control {
  /** Immutable, indexed; the same one serves router, API, admin and metrics (behaviour 18). */
  snapshot(): FleetSnapshot;
  /**
   * Alias → model, once, no chains (behaviour 41). `unknown` while a node that has not been heard yet may have it: then
   * `resolveSettled` tells; where that says `unknown` too, `acquire` with the asked name gives the final error.
   */
  resolve(asked: string): Resolution;
  /**
   * `resolve` that waits, where the name is not known otherwise, until every node has answered or missed once (≤
   * `connectS`), and then has the nodes look for new model files before it says `unknown`.
   */
  resolveSettled(asked: string, signal: AbortSignal): Promise<Resolution>;
  /** The name that a request without one stands for; waits as `resolveSettled` does. Undefined: it has to say one. */
  nameForUnnamed(signal: AbortSignal): Promise<string | undefined>;
  /**
   * A replica with room and a lease on it; waits for room or for a load where it must.
   *
   * @throws CortexError the final reason: model_not_found, no_healthy_node, no_capacity, queue_full, model_loading,
   * load_timeout, model_load_failed, node_recovering, shutting_down, invalid_request (`n`), client_closed_request
   * (aborted).
   */
  acquire(request: AcquireRequest, signal: AbortSignal): Promise<Lease>;
  report(attempt: AttemptReport): void;
  /**
   * Asks a node to load, as the operator: returns when the node has accepted the load, without waiting for its end.
   * Ignores back-off.
   */
  loadModel(call: ModelCall, signal: AbortSignal): Promise<ModelCallResult>;
  /** Unloads from `node`, or from every node that holds it. */
  unloadModel(
    call: ModelCall & { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<readonly ModelCallResult[]>;
  /** Requests waiting in cortex for the model. */
  waiting(model: string): number;
  /** Leases, summed by weight, of configured nodes. */
  inFlight(node: string, model?: string): number;
  /** Calls after every change of the snapshot; returns how to stop. The listener must not throw. */
  subscribe(listener: (snapshot: FleetSnapshot) => void): () => void;
  /** Replaces nodes, catalogue, aliases and limits; running requests go on. */
  reconfigure(settings: ControlSettings): void;
  start(): void;
  /** Waiting requests get shutting_down, polls and load calls end. */
  close(): Promise<void>;
}

export interface ControlSettings {
  readonly config: ControlConfig;
  readonly catalogue: readonly CatalogueModel[];
  readonly aliases: readonly Alias[];
}
