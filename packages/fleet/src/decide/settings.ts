/** What of cortex.toml the decisions depend on. Times in ms. */
export interface DecideSettings {
  /** `lru`: the cheapest victims. `priority`: the lowest residency priority, then the cheapest. */
  readonly strategy: 'lru' | 'priority';
  /** A model is not evicted for one of equal priority for so long after its load, or twice its way back if longer. */
  readonly minResidencyMs: number;
  readonly policy: 'prefix-affinity' | 'least-loaded' | 'round-robin';
  readonly affinityLoadFactor: number;
  /** Requests that wait, per model. */
  readonly maxWaiting: number;
  /** Longest wait of a streamed request. */
  readonly maxWaitMs: number;
  /** Longest wait of a request that is not streamed, and of any request for a download. */
  readonly maxHoldMs: number;
  /** A request that waits so long, or three loads (or wakes) if longer, ends the protection of what is in its way. */
  readonly starveMs: number;
  /** A request downloads the files of a model that no node has. */
  readonly autoPull: boolean;
  /** An idle model is held so long for a conversation with short pauses; 0: never. */
  readonly holdMs: number;
}
