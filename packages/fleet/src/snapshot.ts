import type { Discovery, ModelEntry, NodeHealth } from '@cortex/protocol';

import type { AliasTable } from './alias-table.ts';
import type { CatalogueModel } from './catalogue.ts';

/**
 * `unknown`: never answered, and has not missed often enough to be called down. Only `up` nodes get requests.
 */
export type NodeState = 'unknown' | 'up' | 'down';

/** What a node last said of the load on one model. */
export interface ReplicaLoad {
  readonly inFlight: number;
  readonly queueDepth: number;
  /** Slots. */
  readonly maxInFlight: number;
  readonly maxQueueDepth: number;
  /** Measured decode speed, tokens a second; absent: not measured. */
  readonly tokSDecode?: number | undefined;
  /** Own leases when the node was asked, summed by weight. */
  readonly ownAtReport: number;
}

/** One model on one node, in any state. */
export interface Replica {
  readonly node: string;
  readonly model: string;
  /** Path under which its node serves inference, without a slash at its end; `''` for none. */
  readonly basePath: string;
  /** Speed of the node relative to others until measured. */
  readonly speedWeight: number;
  readonly isNodeUp: boolean;
  readonly isNodeDraining: boolean;
  /** A state of contracts section 3, or a word of a newer neuron (then not servable). */
  readonly status: string;
  /** True only for a loaded model that the node says it can serve. A saturated model is servable. */
  readonly isServable: boolean;
  /** Servable, on a node that is up and not draining: gets requests. */
  readonly isReady: boolean;
  /** Why it is failed or not servable. */
  readonly reason?: string | undefined;
  /** 0 to 1, of a load. */
  readonly progress?: number | undefined;
  readonly harness?: string | undefined;
  readonly onDisk: boolean;
  readonly isPinned: boolean;
  readonly capabilities: readonly string[];
  readonly limit?: ModelEntry['limit'] | undefined;
  readonly vramUsedMb?: number | undefined;
  readonly load?: ReplicaLoad | undefined;
}

/** A refusal for a full queue. */
interface FullModel {
  /** Own leases at that moment, summed by weight. */
  readonly ownInFlight: number;
  readonly atMs: number;
}

/** One configured node as last heard of. */
export interface NodeSnapshot {
  readonly name: string;
  readonly endpoint: string;
  readonly speedWeight: number;
  readonly isExpectedOffline: boolean;
  readonly state: NodeState;
  /** Failed polls in a row. */
  readonly misses: number;
  /** Of the last miss; absent when the last poll was answered. */
  readonly error?: string | undefined;
  readonly hasAnswered: boolean;
  /** Answers to questions from before this are of a node that was replaced. */
  readonly configuredAtMs: number;
  /** When the newest report of the node was asked for: older reports say nothing new. */
  readonly reportedAtMs: number;
  /** Models of which something newer than that report is known, and since when. Events of one model date no other. */
  readonly newerAtMs: ReadonlyMap<string, number>;
  readonly isDraining: boolean;
  readonly version?: string | undefined;
  readonly discovery?: Discovery | undefined;
  readonly health?: NodeHealth | undefined;
  /** As the node last listed them. */
  readonly reported: ReadonlyMap<string, ModelEntry>;
  /** Paths under which inference is sent, by model; a model not named: none. */
  readonly basePaths: ReadonlyMap<string, string>;
  /** Own leases when it was last asked, by model, summed by weight. */
  readonly ownAtReport: ReadonlyMap<string, number>;
  readonly replicas: ReadonlyMap<string, Replica>;
  /** Models that cortex itself asked this node to load, while it does, with their progress (0 to 1) where known. */
  readonly ownLoads: ReadonlyMap<string, number | undefined>;
  /** Models that refused for a full queue since the last report. */
  readonly fullModels: ReadonlyMap<string, FullModel>;
}

/** The fleet at one moment. Never changes; readers may keep it as long as they like. */
export interface FleetSnapshot {
  /** Grows with every change. */
  readonly revision: number;
  /** In the order of their names. */
  readonly nodes: ReadonlyMap<string, NodeSnapshot>;
  /** Every replica in any state on any configured node, in the order of node names. */
  readonly replicasByModel: ReadonlyMap<string, readonly Replica[]>;
  readonly catalogue: ReadonlyMap<string, CatalogueModel>;
  readonly aliases: AliasTable;
  /** Nodes that have neither answered nor missed once. */
  readonly pendingNodes: number;
}
