export interface EngineStats {
  readonly queueDepth: number;
  readonly slots: number;
  readonly busySlots: number;
  /** Slots that have work and credit. When there are some but no step happens, the engine is wedged. */
  readonly runnableSlots: number;
  /** Milliseconds since the last step ended; absent before the first. */
  readonly lastStepAgeMs?: number | undefined;
  readonly longestStepMs: number;
  /** Steps since the load, by number of sequences in the batch. */
  readonly batchSizes: Readonly<Record<string, number>>;
  /** Moving averages, tokens per second; absent until measured. */
  readonly tokSPrefill?: number | undefined;
  /** Of one answer, of many in a batch. */
  readonly tokSDecode?: number | undefined;
  /** Tokens drafted by speculative decoding, and how many of them the model accepted; absent without it. */
  readonly draftedTokens?: number | undefined;
  readonly acceptedTokens?: number | undefined;
  /** Why speculative decoding stopped. */
  readonly draftError?: string | undefined;
  /** Saved conversations that lost their slot; absent where the engine keeps none. */
  readonly promptCache?: PromptCacheStats | undefined;
  readonly kvCellsUsed: number;
  readonly kvCellsTotal: number;
  /** Resident memory of the process that holds the model, MiB. */
  readonly rssMib: number;
}

export interface PromptCacheStats {
  readonly entries: number;
  /** In RAM. */
  readonly bytes: number;
  /** Prompts since the load that started with saved cells. */
  readonly hits: number;
}
