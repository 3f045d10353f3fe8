import type { Discovery, ModelEntry, NodeHealth } from '@cortex/protocol';

import type { AliasTable } from './alias-table.ts';
import type { CatalogueModel } from './catalogue.ts';

/** `unknown`: never answered, with too few failed polls to be down. Only `up` nodes get requests. */
export type NodeState = 'unknown' | 'up' | 'down';

/** The last load report of a node for one model. */
export interface ReplicaLoad {
  readonly inFlight: number;
  readonly queueDepth: number;
  /** Slots. */
  readonly maxInFlight: number;
  readonly maxQueueDepth: number;
  /** Measured decode speed of one answer, tokens per second; absent: not measured. */
  readonly tokSDecode?: number | undefined;
  /** Own leases at the time of the poll, summed by weight. */
  readonly ownAtReport: number;
}

/** One model on one node, in any state. */
export interface Replica {
  readonly node: string;
  readonly model: string;
  /** Path prefix under which its node serves inference, without a trailing slash; `''` for none. */
  readonly basePath: string;
  /** Speed of the node relative to others until it is measured. */
  readonly speedWeight: number;
  readonly isNodeUp: boolean;
  readonly isNodeDraining: boolean;
  /** A state of contracts section 3, or an unknown state of a newer neuron (not servable). */
  readonly status: string;
  /** True only for a loaded model that the node reports as servable. A saturated model is servable. */
  readonly isServable: boolean;
  /** Gets requests: servable, on a node that is up and not draining. */
  readonly isReady: boolean;
  /** Why it has failed or is not servable. */
  readonly reason?: string | undefined;
  /** 0 to 1, of a load. */
  readonly progress?: number | undefined;
  /** Seconds until the load ends, as the node estimates. */
  readonly etaS?: number | undefined;
  readonly harness?: string | undefined;
  /** Such as `Q4_K_M`. */
  readonly quant?: string | undefined;
  readonly onDisk: boolean;
  readonly isPinned: boolean;
  /** The node can put it to sleep instead of unloading it. */
  readonly canSleep: boolean;
  readonly capabilities: readonly string[];
  readonly limit?: ModelEntry['limit'] | undefined;
  readonly vramUsedMb?: number | undefined;
  readonly ramUsedMb?: number | undefined;
  /** Indexes of its devices on the node; undefined: not known. */
  readonly devices?: readonly number[] | undefined;
  /** Changes with every load; a conditional unload names it. */
  readonly generation?: number | undefined;
  /** End of its last request on the node, monotonic; undefined: busy, or not known. */
  readonly idleSinceMs?: number | undefined;
  /** Monotonic; undefined: not loaded, or not known. */
  readonly loadedAtMs?: number | undefined;
  readonly load?: ReplicaLoad | undefined;
}

/** The memory of one device, as the node last reported it: its size, and what models cannot use. MiB. */
export interface NodeDevice {
  readonly index: number;
  readonly isCpu: boolean;
  readonly totalMib: number;
  /** Kept free of models by the node. */
  readonly reservedMib: number;
  /** Used by other programs. */
  readonly foreignMib: number;
  /** The node gives it to other programs for now. */
  readonly isYielding: boolean;
  /** Of the card, or of the processor for the RAM; undefined: not told. */
  readonly name?: string | undefined;
  /** Memory bandwidth that its maker publishes, GB/s; undefined: not known. */
  readonly bandwidthGbS?: number | undefined;
}

/** A refusal for a full queue. */
interface FullModel {
  /** Own leases at that moment, summed by weight. */
  readonly ownInFlight: number;
  readonly atMs: number;
}

/** When cortex learned of an event, and its revision on the node if the node counts its changes. */
export interface EventAge {
  readonly atMs: number;
  readonly revision?: number | undefined;
}

/** One configured node with its last known state. */
export interface NodeSnapshot {
  readonly name: string;
  readonly endpoint: string;
  readonly speedWeight: number;
  readonly isExpectedOffline: boolean;
  /** cortex can wake it, which takes at most so long; undefined: it cannot. */
  readonly wakeMs: number | undefined;
  readonly state: NodeState;
  /** Failed polls in a row. */
  readonly misses: number;
  /** Error of the last failed poll; absent when the last poll was answered. */
  readonly error?: string | undefined;
  readonly hasAnswered: boolean;
  /** Answers to earlier polls belong to a machine that was replaced. */
  readonly configuredAtMs: number;
  /** Time of the poll of the newest report; older reports are ignored. */
  readonly reportedAtMs: number;
  /** Revision of the last change in that report; undefined for a node without events. */
  readonly reportedRevision?: number | undefined;
  /** Models with events newer than that report. An event of one model does not affect others. */
  readonly newer: ReadonlyMap<string, EventAge>;
  readonly isDraining: boolean;
  /** Time of the last event about draining or devices; an older report does not overwrite it. */
  readonly healthEventAtMs: number;
  readonly version?: string | undefined;
  readonly discovery?: Discovery | undefined;
  readonly health?: NodeHealth | undefined;
  /** As the node last listed them. */
  readonly reported: ReadonlyMap<string, ModelEntry>;
  /** Path prefixes for inference by model; other models have none. */
  readonly basePaths: ReadonlyMap<string, string>;
  /** Own leases at the time of the last poll, by model, summed by weight. */
  readonly ownAtReport: ReadonlyMap<string, number>;
  readonly replicas: ReadonlyMap<string, Replica>;
  /** The replicas that hold memory or are about to: a node can list hundreds that it only has on disk. */
  readonly residents: readonly Replica[];
  /** Empty: not known. */
  readonly devices: readonly NodeDevice[];
  /** Models that this node is loading for cortex, with their progress (0 to 1) if known. */
  readonly ownLoads: ReadonlyMap<string, number | undefined>;
  /** Models that refused for a full queue since the last report. */
  readonly fullModels: ReadonlyMap<string, FullModel>;
}

/** The fleet at one moment. Immutable; readers can keep it. */
export interface FleetSnapshot {
  /** Increases with every change. */
  readonly revision: number;
  /** Ordered by name. */
  readonly nodes: ReadonlyMap<string, NodeSnapshot>;
  /** Every replica in any state on any configured node, ordered by node name. */
  readonly replicasByModel: ReadonlyMap<string, readonly Replica[]>;
  readonly catalogue: ReadonlyMap<string, CatalogueModel>;
  readonly aliases: AliasTable;
  /** Nodes without an answer or a failed poll so far. */
  readonly pendingNodes: number;
}
