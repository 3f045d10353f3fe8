/** What decisions need of the leases of this cortex. */
export interface LeasesView {
  /** Own requests on the model, summed by weight, by node; absent: none anywhere. The map may change later. */
  ownByNode(model: string): ReadonlyMap<string, number> | undefined;
}

/** Why a load failed lately, so that callers get the reason instead of another attempt each. */
export interface LoadFailure {
  readonly reason: string;
  /** Monotonic: when a caller may come back. */
  readonly retryAtMs: number;
  /** True: the cause may pass by itself (out of memory, registry away); false: the same load fails again. */
  readonly isTransient: boolean;
}

/** Failed loads by node and model, as far as they count for the request in question. */
export interface LoadFailures {
  failure(node: string, model: string): LoadFailure | undefined;
}
