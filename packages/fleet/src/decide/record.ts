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
}

/** A model that is unloaded to make room, and what that costs. */
export interface Victim {
  readonly model: string;
  readonly generation: number | undefined;
  /** MiB that it frees on the devices of the plan. */
  readonly freesMib: number;
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
