import type { LeasesView, LoadFailures } from './leases-view.ts';
import type { Replica } from './snapshot.ts';

export interface LoadQuestion {
  readonly model: string;
  /** Restricts the choice to this node. */
  readonly node?: string | undefined;
  readonly tried: readonly string[];
}

/** Tables outside the snapshot, and the time. */
export interface DecisionContext {
  readonly leases: LeasesView;
  readonly failures: LoadFailures;
  readonly nowMs: number;
  /** Absent: the least loaded replica. */
  readonly routing?:
    | {
        readonly policy: 'prefix-affinity' | 'least-loaded' | 'round-robin';
        /** A replica may have this many times the mean load before its conversations go elsewhere. */
        readonly loadFactor: number;
      }
    | undefined;
  /** True: requests failed there, so it is chosen only if no other replica has room. */
  readonly isAvoided?: ((replica: Replica) => boolean) | undefined;
  /** True: the replica is to be evicted, and gets no more requests. */
  readonly isYielded?: ((replica: Replica) => boolean) | undefined;
  /** When the replica last got a request; needed for `round-robin`. */
  readonly lastGrantMs?: ((replica: Replica) => number) | undefined;
}
