import type { CatalogueModel } from '../catalogue.ts';
import { FleetState } from '../fleet-state.ts';
import type { FleetSnapshot, Replica } from '../snapshot.ts';
import type { DecisionContext } from '../decision-context.ts';
import { BackOffTable } from './back-off-table.ts';
import { CircuitTable } from './circuit-table.ts';
import { LeaseTable } from './lease-table.ts';
import type { PlacementRecord } from './record.ts';
import { ReplicaFactsTable } from './replica-facts.ts';
import { SessionTable } from './session-table.ts';
import type { DecideSettings } from './settings.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** What a load under way takes. */
export interface Reservation {
  readonly model: string;
  readonly node: string;
  readonly devices: readonly number[];
  /** MiB that it will take on those devices together; undefined: not known. */
  readonly takesMib: number | undefined;
  /** The model slept there: the load only wakes it. */
  readonly isWake: boolean;
  /** When the time of the load itself began: its victims had left. Undefined: a download is part of it. */
  measuredFromMs: number | undefined;
  readonly startedMs: number;
  /** The settings with which it was started; undefined: those of the node. */
  readonly settings: CatalogueModel | undefined;
  /** The models that the plan found on the node. */
  readonly residents: ReadonlyMap<string, Pick<Replica, 'generation' | 'status'>>;
  /** Its victims that have not left yet, with their states before it. */
  readonly leaving: Map<string, string>;
  /** Goes on although nobody waits for it. */
  isDetached: boolean;
  /** Until then it goes on for clients that were told to come back; -Infinity: there are none. */
  wantedUntilMs: number;
  /** Its end has been asked for. */
  isCancelled: boolean;
  readonly record: PlacementRecord;
}

/** What nodes have said about a model that nobody has measured. */
export interface Estimate {
  readonly asked: Set<string>;
  /** The node whose answer is awaited. */
  awaited: string | undefined;
  /** MiB, with automatic settings at least. */
  mib: number | undefined;
  /** MiB with the largest automatic settings; undefined: not known. */
  mostMib: number | undefined;
  /** The awaited answer is for settings that have changed since. */
  isStale: boolean;
}

/**
 * Part of the published bandwidth of a card that decoding reaches, until a model of the fleet has shown more: llama.cpp
 * reads dense models at 0.5 to 0.8 of it.
 */
export const REACHED = 0.6;

/** MiB of weights a second that models read on a node: about the most of late; undefined: none was measured. */
export interface SeenBandwidth {
  gpuMibS: number | undefined;
  cpuMibS: number | undefined;
}

/** A load that the operator asked for and that has no answer yet. */
export interface OperatorLoad {
  readonly model: string;
  readonly node?: string | undefined;
}

/** Room that another cortex keeps for a model that is not there yet. */
export interface ForeignClaim {
  readonly model: string;
  readonly from: readonly string[];
  readonly untilMs: number;
}

/** A claim as a node was told of it. */
interface ToldClaim {
  readonly model: string;
  readonly from: readonly string[];
  readonly atMs: number;
}

/** What was found in one snapshot, because decisions ask for it again and again. */
interface SnapshotMemo {
  readonly snapshot: FleetSnapshot;
  /** `heldMib` of need.ts by model. */
  readonly held: Map<string, number | undefined>;
  /** `ratioOf` of expected-speed.ts by model. */
  readonly ratio: Map<string, number>;
  /** Whether another model could want the memory of a node, by node. */
  readonly contended: Map<string, boolean>;
  /** Ready replicas by model; undefined: not counted yet. */
  ready: ReadonlyMap<string, number> | undefined;
}

/** The defaults of cortex.toml. */
export const DEFAULT_SETTINGS: DecideSettings = {
  strategy: 'lru',
  minResidencyMs: 10_000,
  policy: 'prefix-affinity',
  affinityLoadFactor: 1.25,
  maxWaiting: 256,
  maxWaitMs: 600_000,
  maxHoldMs: 120_000,
  starveMs: 30_000,
  holdMs: 5000,
  autoPull: true,
};

/**
 * Everything that decisions depend on. `decide` owns it and changes it in place; readers take `snapshot`, which never
 * changes, or the counts.
 */
export class DecideState {
  readonly fleet = new FleetState();
  readonly leases = new LeaseTable();
  readonly facts = new ReplicaFactsTable();
  readonly sessions = new SessionTable();
  readonly backOff = new BackOffTable();
  readonly circuits = new CircuitTable();
  readonly queues = new Map<string, WaitingQueue>();
  /** By model, then node. */
  readonly reservations = new Map<string, Map<string, Reservation>>();
  /** Models that cannot be placed, by the nodes that are in the way. */
  readonly blockedBy = new Map<string, Set<string>>();
  /** Starving models by the node whose memory is kept for them. */
  readonly claims = new Map<string, string>();
  /** What nodes have been told of `claims`. */
  readonly toldClaims = new Map<string, ToldClaim>();
  /** Claims of other cortexes that count here, by node. */
  readonly foreignClaims = new Map<string, readonly ForeignClaim[]>();
  /** When the answer for a model could change without an event. */
  readonly nextMs = new Map<string, number>();
  /** Nodes that were asked to wake, and until when that counts. */
  readonly waking = new Map<string, number>();
  /** Calls of the operator that have no answer yet, by id. */
  readonly operatorLoads = new Map<string, OperatorLoad>();
  /** What nodes have said that models need, by model. */
  readonly estimates = new Map<string, Estimate>();
  /** Models that are loaded before they are asked for. */
  preloads: readonly string[] = [];
  /** Models that the operator has unloaded, and that nobody has asked for since: they are not preloaded. */
  readonly dismissed = new Set<string>();
  /** Models that no request loads again, and that were unloaded for new settings. */
  readonly reloads = new Set<string>();
  readonly dirty = new Set<string>();
  /** Measured load speed by node, bytes per ms. */
  readonly speeds = new Map<string, number>();
  /** Memory bandwidth by node, as models that ran there show it. */
  readonly bandwidths = new Map<string, SeenBandwidth>();
  /** Part of the published bandwidth of its cards that the fleet reaches, `REACHED` to 1: about the best of late. */
  reachedRatio = REACHED;
  settings: DecideSettings = DEFAULT_SETTINGS;
  #memo: SnapshotMemo | undefined;
  nowMs = 0;
  timerAtMs = Infinity;
  readonly owner: string;
  /** One object for all requests: a decision on the hot path builds none. */
  readonly context: { -readonly [Key in keyof DecisionContext]: DecisionContext[Key] };

  /** @param owner - The name of this cortex, which no other one in front of the same nodes has. */
  constructor(owner = 'cortex') {
    this.owner = owner;
    const { leases, facts, backOff, circuits } = this;
    this.context = {
      leases,
      failures: backOff,
      nowMs: 0,
      routing: { policy: 'prefix-affinity', loadFactor: 1.25 },
      isAvoided: (replica: Replica) => circuits.isAvoided(replica, this.nowMs),
      isYielded: ({ node, model }: Replica) => this.isYielding(node, model),
      lastGrantMs: ({ node, model }: Replica) => facts.find(node, model)?.lastGrantMs ?? 0,
    };
  }

  get snapshot(): FleetSnapshot {
    return this.fleet.snapshot;
  }

  /** Of the snapshot as it is now. */
  get memo(): SnapshotMemo {
    const { snapshot } = this;
    if (this.#memo?.snapshot !== snapshot) {
      this.#memo = {
        snapshot,
        held: new Map(),
        ratio: new Map(),
        contended: new Map(),
        ready: undefined,
      };
    }
    return this.#memo;
  }

  /** Whether a model is known that is not ready on the node, so that it could want the memory of another one there. */
  isContended(node: string): boolean {
    const { snapshot, contended } = this.memo;
    const known = contended.get(node);
    if (known !== undefined) return known;
    const isContended = lacksOne(snapshot, node);
    contended.set(node, isContended);
    return isContended;
  }

  /** Replicas of the model that are ready. Nodes list what they have on disk too, so only residents are looked at. */
  readyCount(model: string): number {
    const { memo } = this;
    memo.ready ??= readyByModel(memo.snapshot);
    return memo.ready.get(model) ?? 0;
  }

  waiting(model: string): number {
    return this.queues.get(model)?.size ?? 0;
  }

  /** Whether the model is to leave for another one: the node is kept for that, or its unload has begun. */
  isYielding(node: string, model: string): boolean {
    if (this.foreignClaims.size > 0 && this.#foreign(node, ({ from }) => from.includes(model)))
      return true;
    const newcomer = this.facts.find(node, model)?.yieldsTo;
    if (newcomer === undefined) return false;
    return this.claims.get(node) === newcomer || this.leavingTo(node, model) !== undefined;
  }

  /** The other model for which another cortex keeps room on a node. */
  foreignClaimant(node: string, model: string): string | undefined {
    return this.#foreign(node, (claim) => claim.model !== model)?.model;
  }

  #foreign(node: string, holds: (claim: ForeignClaim) => boolean): ForeignClaim | undefined {
    const claims = this.foreignClaims.get(node);
    return claims?.find((claim) => claim.untilMs > this.nowMs && holds(claim));
  }

  /** The newcomer for which the model is being unloaded; undefined: it is not. */
  leavingTo(node: string, model: string): string | undefined {
    const newcomer = this.facts.find(node, model)?.yieldsTo;
    if (newcomer === undefined) return undefined;
    return this.reservation(node, newcomer)?.leaving.has(model) === true ? newcomer : undefined;
  }

  reservation(node: string, model: string): Reservation | undefined {
    return this.reservations.get(model)?.get(node);
  }
}

function readyByModel({ nodes }: FleetSnapshot): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { residents } of nodes.values()) {
    for (const { model, isReady } of residents) {
      if (isReady) counts.set(model, (counts.get(model) ?? 0) + 1);
    }
  }
  return counts;
}

/** Whether a model is known that is not ready on the node. */
function lacksOne({ nodes, catalogue, replicasByModel }: FleetSnapshot, node: string): boolean {
  const replicas = nodes.get(node)?.replicas;
  for (const models of [catalogue, replicasByModel]) {
    for (const model of models.keys()) if (replicas?.get(model)?.isReady !== true) return true;
  }
  return false;
}
