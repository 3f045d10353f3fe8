import type {
  Alias,
  AttemptOutcome,
  CatalogueModel,
  DecideSettings,
  FleetRequest,
  FleetSnapshot,
  NodeConfig,
  OpenCircuit,
  Resolution,
  Sleep,
} from '@cortex/fleet';
import type {
  AdminDrainResult,
  AdminEstimate,
  AdminExplanation,
  AdminFreeResult,
  AdminPull,
  AdminPullCall,
  AdminRemoved,
  LoadModelRequest,
} from '@cortex/protocol';

import type { WakeTarget } from '../nodes/wake-host.ts';
import type { WireRequest } from '../wire/format-request.ts';
import type { WireResponse } from '../wire/node-connection.ts';
import type { SendOptions } from '../wire/node-transport.ts';

/** The settings of cortex.toml that control uses. */
export interface ControlConfig {
  readonly nodes: readonly NodeSettings[];
  readonly pollIntervalS: number;
  readonly failuresBeforeDown: number;
  /** Time limit for management answers of a node, and for the first contact with all nodes. */
  readonly connectS: number;
  /** Maximum number of requests that wait in cortex, per model. */
  readonly maxWaiting: number;
  /** Maximum wait of a streamed request, from its arrival. */
  readonly maxWaitS: number;
  /** Maximum wait of a request that is not streamed, from its arrival. */
  readonly maxHoldS: number;
  /** Loads and unloads after which an idle external engine is restarted; 0: never. */
  readonly defragAfterCycles: number;
  readonly eviction: Pick<DecideSettings, 'strategy' | 'minResidencyMs'>;
  readonly routing: Pick<DecideSettings, 'policy' | 'affinityLoadFactor'>;
  /** @see DecideSettings.starveMs */
  readonly starveS: number;
  /** @see DecideSettings.autoPull */
  readonly autoPull: boolean;
  /** @see DecideSettings.holdMs */
  readonly holdS: number;
}

/** One `[[neurons]]`. */
export interface NodeSettings extends NodeConfig {
  /** Bearer token of its API; undefined: none is sent. */
  readonly token?: string | undefined;
  /** SHA-256 of its TLS certificate, 64 lower-case hex digits; undefined: host name and chain are checked. */
  readonly tlsFingerprint?: string | undefined;
  /** How it is woken; undefined: it is not. */
  readonly wake?: WakeTarget | undefined;
}

/** The part of pino's logger that control uses. */
export interface ControlLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * A request for a resolved model id; its `arrivedMs` is by `Clock.nowMs`. An unknown name is rejected with the final
 * 404, or with 503 while no node has answered. Nodes that refused with `queue_full` or `model_not_loaded` are not in
 * `tried`.
 */
export interface AcquireRequest extends Omit<FleetRequest, 'id'> {
  /** As the client knows it. */
  readonly requestId: string;
}

export type LeaseSendOptions = Pick<SendOptions, 'connection' | 'onCancel'>;

/** The slots of one request on a replica. The holder must always release it, also after the signal has aborted. */
export interface Lease {
  readonly id: string;
  readonly node: string;
  readonly model: string;
  /** Milliseconds that the request waited for room. */
  readonly queueMs: number;
  /** Milliseconds that the request waited for the load of this replica; undefined: it did not wait for a load. */
  readonly loadMs: number | undefined;
  /** What was decided about the request, in sentences; undefined: it got its slot at once. */
  readonly explanation: readonly string[] | undefined;
  /** Whether requests to the node carry a node token. */
  readonly hasToken: boolean;
  /** Sends a request to the replica, with the node's token. @throws as `NodeTransport.send` */
  send(request: WireRequest, options: LeaseSendOptions): Promise<WireResponse>;
  /** Whether the node is down. False for a node that was removed from the configuration: its requests finish. */
  isNodeDown(): boolean;
  /** The first content of a streamed answer has arrived. */
  answers(): void;
  /**
   * Idempotent. Sets the time of the model's last use.
   *
   * @param outcome - What it says about the node; undefined: nothing, as when the client left.
   */
  release(outcome?: AttemptOutcome): void;
}

/**
 * Outcome of an attempt that changes the snapshot before the next poll: the refusal of the node, or a transport
 * failure. After `queue_full` the replica counts as full until its next report or a release, so that the next
 * `acquire` waits. Report it before acquiring again.
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
  /** What else the operator should know, in a sentence. */
  readonly note?: string | undefined;
}

export interface DrainCall {
  readonly node: string;
  readonly draining: boolean;
  /** Seconds until the drain ends by itself; undefined: it does not. */
  readonly forS?: number | undefined;
}

export interface PinCall extends ModelCall {
  readonly pinned: boolean;
}

export interface PinResult {
  readonly node: string;
  readonly pinned: boolean;
}

/** About a name that a request can use (a model, an alias, `id@node`), or a request that was decided or waits. */
export type ExplainQuestion = { readonly model: string } | { readonly requestId: string };

/** Gives requests a slot, and holds the snapshot of the fleet. */
export interface Control {
  /** Immutable and indexed. Router, API, admin and metrics use the same one (behaviour 18). */
  snapshot(): FleetSnapshot;
  /**
   * Alias → model, once, no chains (behaviour 41). `unknown` while a node without a first contact may have it: then
   * call `resolveSettled`. If that returns `unknown` too, `acquire` with the asked name rejects with the final
   * error.
   */
  resolve(asked: string): Resolution;
  /**
   * Like `resolve`, but for an unknown name it first waits until every node has answered or missed once (≤
   * `connectS`), and then lets the nodes scan for new model files before it returns `unknown`.
   */
  resolveSettled(asked: string, signal: AbortSignal): Promise<Resolution>;
  /** The model of a request that names none; waits like `resolveSettled`. Undefined: the request has to name one. */
  nameForUnnamed(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Takes a lease on a replica with room, after waiting for room or for a load if necessary. The error of a request that
   * was refused has an `explanation`.
   *
   * @throws CortexError the final reason: model_not_found, no_healthy_node, no_capacity, queue_full, model_loading,
   * load_timeout, model_load_failed, node_recovering, shutting_down, invalid_request (`n`), client_closed_request
   * (aborted).
   */
  acquire(request: AcquireRequest, signal: AbortSignal): Promise<Lease>;
  report(attempt: AttemptReport): void;
  /** What brings a model that requests wait for, in words; undefined: nothing brings it now. */
  waitNote(call: ModelCall): string | undefined;
  /**
   * Starts a load for the operator and returns when the node has accepted it, without waiting for its end. Ignores
   * back-off.
   */
  loadModel(call: ModelCall, signal: AbortSignal): Promise<ModelCallResult>;
  /** Unloads the model from `node`, or from every node that holds it. */
  unloadModel(
    call: ModelCall & { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<readonly ModelCallResult[]>;
  /** Starts a download on a node, or joins the one that runs, and returns its report. */
  pullModel(call: AdminPullCall, signal: AbortSignal): Promise<AdminPull>;
  /** The download of a model on a node: the running one, or else the last. */
  pullReport(
    call: { readonly model: string; readonly node: string },
    signal: AbortSignal,
  ): Promise<AdminPull>;
  /** What every node that is up says about a load: what it needs, whether it fits, or why it cannot say. */
  estimate(request: LoadModelRequest, signal: AbortSignal): Promise<readonly AdminEstimate[]>;
  /** Removes the files of a model from `node`, or from every node that has them. */
  removeFiles(call: ModelCall, signal: AbortSignal): Promise<AdminRemoved>;
  /** Pins or unpins the model on `node`, or on every node that is up and has it. */
  pinModel(call: PinCall, signal: AbortSignal): Promise<readonly PinResult[]>;
  /** Begins or ends a drain of a node: it gets no new requests and no loads, and running requests finish. */
  drainNode(call: DrainCall, signal: AbortSignal): Promise<AdminDrainResult>;
  /** Drains a node and unloads every model that it holds. */
  freeNode(call: Omit<DrainCall, 'draining'>, signal: AbortSignal): Promise<AdminFreeResult>;
  /**
   * Where a request for the model would go and why, or what was decided about a request.
   *
   * @throws CortexError `model_not_found` for an unknown model, `invalid_request` for a request that is not remembered
   */
  explain(question: ExplainQuestion): AdminExplanation;
  /** Whether a node has room for the model beside what it holds, or loads it already. */
  fits(model: string): boolean;
  /** How often models were unloaded or put to sleep, by reason, since the start. */
  evictions(): ReadonlyMap<string, number>;
  /** Number of requests that wait in cortex for the model. */
  waiting(model: string): number;
  /** Sum of the weights of the leases on a configured node. */
  inFlight(node: string, model?: string): number;
  /** What requests avoid on a node because it failed others: the node itself first. */
  circuits(node: string): readonly OpenCircuit[];
  /** How the host of a node that can be woken sleeps; undefined: it does not, or cannot be woken. */
  sleep(node: string): Sleep | undefined;
  /** How often requests began to avoid the node, or a model on it. */
  circuitOpens(node: string): number;
  /**
   * Calls `listener` after every change of the snapshot; returns a function that unsubscribes. The listener must
   * not throw.
   */
  subscribe(listener: (snapshot: FleetSnapshot) => void): () => void;
  /** Replaces nodes, catalogue, aliases and limits. Running requests continue. Without effect after `close`. */
  reconfigure(settings: ControlSettings): void;
  start(): void;
  /** Rejects waiting requests with shutting_down, and ends polls and load calls. */
  close(): Promise<void>;
}

export interface ControlSettings {
  readonly config: ControlConfig;
  readonly catalogue: readonly CatalogueModel[];
  readonly aliases: readonly Alias[];
}
