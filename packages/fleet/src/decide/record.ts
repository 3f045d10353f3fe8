/** Why something was decided, as data. The edge makes the sentences. */
import type { Lacking } from '../feasibility.ts';

/** A node that was considered. */
export interface Candidate {
  readonly node: string;
  readonly feasible: boolean;
  /** Of a feasible node only `circuit`, which makes it the last choice. */
  readonly lacked: readonly Lacking[];
  /** Smaller is better, compared from the left; empty for a node that is not feasible. */
  readonly rank: readonly number[];
  /** Requests on its replica of the model. */
  readonly load: number;
  /** How fast the model answers there; absent: not known, or the node is not feasible. */
  readonly speed?: ExpectedSpeed | undefined;
  /** The models whose memory it cannot have now, if it lacks `free_memory`; absent: other programs hold it. */
  readonly blockers?: readonly Blocker[] | undefined;
}

/** A model whose memory another one cannot have now. */
export interface Blocker {
  readonly model: string;
  /** MiB that it holds on the devices of the plan. */
  readonly heldMib: number;
  readonly why: WhyBlocked;
  /** `turn` and `held`: how long still, ms. */
  readonly forMs?: number | undefined;
}

export type WhyBlocked =
  | 'pinned'
  /** Its residency priority is higher. */
  | 'priority'
  /** Requests use it. */
  | 'busy'
  /** It was loaded a moment ago. */
  | 'turn'
  /** A conversation is expected to go on. */
  | 'held'
  | 'coming'
  | 'recovering'
  | 'leaving';

/** Decode speed of a model on a node. */
export interface ExpectedSpeed {
  /** Tokens per second of one answer. A prediction contains the `weight` of the node. */
  readonly tokS: number;
  /** True: the node measured it. False: predicted from memory bandwidth. */
  readonly isMeasured: boolean;
}

/** A model that leaves to make room, and what that costs. */
export interface Victim {
  readonly model: string;
  /** `sleep`: its process stays. */
  readonly by: 'unload' | 'sleep';
  readonly generation: number | undefined;
  /** MiB that it frees on the devices of the plan. */
  readonly freesMib: number;
  /** MiB that it is known to keep while it sleeps; 0 if it is unloaded. */
  readonly keepsMib: number;
  /** Since its last request; undefined: not known. */
  readonly idleMs?: number | undefined;
  /** The time in which it comes back. */
  readonly loadMs: number;
  /** How likely it is asked for again, relative to others. */
  readonly wanted: number;
  /** `loadMs × wanted`. */
  readonly cost: number;
  readonly priority: number;
  /** `idle`: nobody used it. `starved`: a request for the newcomer waited too long. */
  readonly why: 'idle' | 'starved';
}

export interface PlacementRecord {
  readonly model: string;
  readonly node: string;
  readonly candidates: readonly Candidate[];
  readonly victims: readonly Victim[];
  readonly needMib: number | undefined;
  readonly why: 'waiting' | 'joined' | 'preload' | 'another_replica' | 'operator';
}

export interface GrantRecord {
  readonly by: 'affinity' | 'load' | 'file';
  /** Requests on the replica before this one. */
  readonly load: number;
  readonly waitedMs: number;
  /** Ready replicas among which the choice was made. */
  readonly replicas: number;
  /** `probe`: it tries a replica that failed others. `last_resort`: no replica without failures had room. */
  readonly circuit?: 'probe' | 'last_resort' | undefined;
}

/** A load, a download or the wake of a host. */
export interface UnderWay {
  /** The state of the model on the node; `waking`: the host of the node is being woken. */
  readonly state: string;
  readonly node: string;
  /** 0 to 1; undefined: not known. */
  readonly progress?: number | undefined;
  /** Until requests are served, of a host until it is given up; undefined: not known. */
  readonly etaMs?: number | undefined;
}
