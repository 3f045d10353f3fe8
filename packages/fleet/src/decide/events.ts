import type { ResidencyChange } from '../catalogue-changes.ts';
import type { FleetConfig } from '../catalogue.ts';
import type { Refusal } from '../classify-unserved.ts';
import type { FleetEvent } from '../fleet-event.ts';
import type { Candidate, GrantRecord, PlacementRecord, UnderWay, Victim } from './record.ts';
import type { DecideSettings } from './settings.ts';

/** A request that wants a replica. */
export interface FleetRequest {
  readonly id: string;
  readonly model: string;
  /** The only node it may use; undefined: any. */
  readonly node?: string | undefined;
  /** Slots, all or none; 0: it needs only the file of the model, and never waits for a load. */
  readonly weight: number;
  readonly stream: boolean;
  /** What its conversation is known by; absent: by nothing. Computed when it is called. */
  readonly affinityKey?: (() => string | undefined) | undefined;
  /** Nodes that failed it. */
  readonly tried: readonly string[];
  /** It only has the model loaded for requests to come: the load goes on without it. */
  readonly isHint?: boolean | undefined;
  /** A node that is used only if no other has room. */
  readonly avoided?: string | undefined;
  /** A request that comes back keeps its place in the queue. */
  readonly arrivedMs: number;
}

/** How a load ended. `changed`: the node refused because a victim was used meanwhile. */
export type LoadOutcome =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'changed' }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly isTransient: boolean;
      /** The node could not be reached, or was lost during the load. */
      readonly isNodeLost?: boolean | undefined;
      /** Until the node tries again; undefined: it says nothing. */
      readonly retryInMs?: number | undefined;
      /** The node had no room for it, and has been polled since. */
      readonly isOutOfMemory?: boolean | undefined;
      /** What the load turned out to need, when memory ran out. MiB. */
      readonly needMib?: number | undefined;
    };

/** What the end of a request says about its node. */
export type AttemptOutcome =
  | { readonly kind: 'succeeded' }
  /** By the fault of the node. `code`: an error code. */
  | { readonly kind: 'failed'; readonly code: string };

/** Requests begin to avoid a replica that fails them, or return to it. */
export type CircuitChange =
  | {
      readonly kind: 'circuit_opened';
      readonly node: string;
      /** Undefined: all models of the node. */
      readonly model: string | undefined;
      /** Requests that failed in a row. */
      readonly failures: number;
      /** Why the last one failed. */
      readonly code: string;
      /** Until one request tries it again. */
      readonly forMs: number;
    }
  | {
      readonly kind: 'circuit_closed';
      readonly node: string;
      readonly model: string | undefined;
      readonly openForMs: number;
    };

/** What `FleetState` knows of; loads that cortex itself starts and ends are not reported but decided. */
export type ReportedEvent = Exclude<
  FleetEvent,
  { readonly kind: 'config_changed' | 'load_started' | 'load_ended' }
>;

export type DecideEvent =
  | ReportedEvent
  | {
      readonly kind: 'config_changed';
      readonly config: FleetConfig;
      readonly settings: DecideSettings;
    }
  | { readonly kind: 'arrived'; readonly request: FleetRequest }
  | { readonly kind: 'left'; readonly model: string; readonly requestId: string }
  /** The answer of a request has begun. Worth telling only of one that tries a replica after failures. */
  | { readonly kind: 'lease_answers'; readonly leaseId: string }
  | {
      readonly kind: 'lease_ended';
      readonly leaseId: string;
      /** Absent: it says nothing about the node, as when the client left or its request was refused. */
      readonly outcome?: AttemptOutcome | undefined;
    }
  | {
      readonly kind: 'load_ended';
      readonly node: string;
      readonly model: string;
      readonly outcome: LoadOutcome;
    }
  | {
      readonly kind: 'unload_ended';
      readonly node: string;
      readonly model: string;
      /** `slept`: it sleeps now. `kept`: it was used or changed meanwhile, or the node did not answer. */
      readonly outcome: 'unloaded' | 'slept' | 'kept';
    }
  | {
      readonly kind: 'estimated';
      readonly node: string;
      readonly model: string;
      /** What a load needs there, with automatic settings at least; undefined: the node cannot say. */
      readonly mib: number | undefined;
      /** What it takes there at most; undefined: the node cannot say. */
      readonly mostMib?: number | undefined;
    }
  | { readonly kind: 'wake_failed'; readonly node: string }
  | {
      readonly kind: 'operator_load';
      readonly callId: string;
      readonly model: string;
      /** The only node it may use; undefined: any. */
      readonly node?: string | undefined;
    }
  /** The operator unloads the model: it is not preloaded again before it is asked for. */
  | { readonly kind: 'operator_unload'; readonly model: string }
  /** No node unloaded it. */
  | { readonly kind: 'operator_unload_failed'; readonly model: string }
  | { readonly kind: 'time' };

/** What a request waited for when its time was over. */
export type WaitedFor = 'load' | 'pull' | 'seat' | 'room' | 'node' | 'wake';

export type DecideRefusal =
  | Refusal
  | { readonly kind: 'manual' }
  /** No node has its files, and requests may not download them. */
  | { readonly kind: 'not_pulled' }
  /** No node can load it now: there is no room, and may not be made for it, or nodes lack different things. */
  | { readonly kind: 'no_room'; readonly candidates: readonly Candidate[] }
  /** No node has the memory, even without any other model. */
  | { readonly kind: 'too_large'; readonly candidates: readonly Candidate[] }
  | {
      readonly kind: 'queue_full';
      readonly waiting: number;
      readonly retryInMs: number;
      /** What the others wait for; undefined: a slot, or room. */
      readonly underWay?: UnderWay | undefined;
    }
  | {
      readonly kind: 'waited_too_long';
      readonly waitedFor: WaitedFor;
      readonly waitedMs: number;
      /** Until the client is to come back; undefined: it has waited long enough. */
      readonly retryInMs?: number | undefined;
      readonly underWay?: UnderWay | undefined;
      /** What each node lacked, if there was no room. */
      readonly candidates?: readonly Candidate[] | undefined;
    };

/** How a victim leaves. */
export interface EvictionStep {
  /** `sleep`: it is unloaded if the node refuses that. */
  readonly by: Victim['by'];
  readonly model: string;
  /** The node refuses if the model was loaded again since the plan. */
  readonly ifGeneration: number | undefined;
  /** MiB that it may keep for the plan to hold: it is made anew if the model keeps more. */
  readonly keepsMib: number;
}

export type Action =
  | CircuitChange
  | {
      readonly kind: 'grant';
      readonly requestId: string;
      readonly leaseId: string;
      readonly model: string;
      readonly node: string;
      readonly record: GrantRecord;
    }
  | {
      readonly kind: 'refuse';
      readonly requestId: string;
      readonly model: string;
      readonly refusal: DecideRefusal;
    }
  | {
      readonly kind: 'load';
      readonly model: string;
      readonly node: string;
      /** Indexes of the devices that the plan is for; empty: the node chooses. */
      readonly devices: readonly number[];
      /** Unloaded or put to sleep first, each only if it is still idle and unchanged. */
      readonly after: readonly EvictionStep[];
      /** MiB within which the node is to choose automatic context and slots, so that victims have room later. */
      readonly limitMib?: number | undefined;
      /** It goes on although nobody waits for it. */
      readonly isDetached: boolean;
      readonly record: PlacementRecord;
    }
  | { readonly kind: 'cancel_load'; readonly model: string; readonly node: string }
  /** The operator wants a load that runs: it goes on although nobody waits. */
  | { readonly kind: 'keep_load'; readonly model: string; readonly node: string }
  /** The node is to say what a load needs there, without loading. */
  | { readonly kind: 'estimate'; readonly model: string; readonly node: string }
  | {
      readonly kind: 'operator_answer';
      readonly callId: string;
      readonly model: string;
      readonly answer: OperatorAnswer;
    }
  /** The host is given up after `forMs`. */
  | { readonly kind: 'wake_node'; readonly node: string; readonly forMs: number }
  /** To be unloaded if it is still idle and that load, because models.toml has other settings; `unload_ended` tells. */
  | {
      readonly kind: 'replace';
      readonly model: string;
      readonly node: string;
      readonly ifGeneration: number | undefined;
    }
  /** The node is to be told TTL and pin of a loaded model, without a load. */
  | {
      readonly kind: 'set_residency';
      readonly model: string;
      readonly node: string;
      readonly residency: ResidencyChange;
    }
  /** The node is to tell every cortex that room is kept for the model, until that is released or not renewed. */
  | {
      readonly kind: 'claim';
      readonly node: string;
      readonly model: string;
      /** Models that leave for it. */
      readonly from: readonly string[];
    }
  | { readonly kind: 'release_claim'; readonly node: string; readonly model: string }
  | { readonly kind: 'poll'; readonly node: string }
  /** `time` is to be told then; Infinity: not at all. It replaces the timer before. */
  | { readonly kind: 'timer'; readonly atMs: number };

/** What becomes of a load that the operator asked for. */
export type OperatorAnswer =
  /** It is there, or comes without a new load. */
  | { readonly kind: 'present'; readonly node: string; readonly status: string }
  /** A `load` action for it precedes this one. */
  | { readonly kind: 'started'; readonly node: string }
  /** Nodes that have not answered yet may have it. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'refused'; readonly refusal: DecideRefusal };
