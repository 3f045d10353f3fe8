/** The leases of this cortex, as decisions need them. */
export interface LeasesView {
  /** Own requests on the model by node, summed by weight; absent: none on any node. The map can change later. */
  ownByNode(model: string): ReadonlyMap<string, number> | undefined;
}

/** Why a load failed recently. While it counts, the node is not asked again. */
export interface LoadFailure {
  readonly reason: string;
  /** Monotonic time at which the back-off of the node ends: callers are told to retry then. */
  readonly retryAtMs: number;
  /** True: the cause can be temporary (out of memory, registry unreachable); false: the same load fails again. */
  readonly isTransient: boolean;
}

/** Failed loads by node and model that count for this request. */
export interface LoadFailures {
  failure(node: string, model: string): LoadFailure | undefined;
}
