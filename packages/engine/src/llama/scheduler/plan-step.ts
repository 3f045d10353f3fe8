/** One sequence that could go on in the next step. */
export interface PlannedRun<R> {
  readonly run: R;
  /** Prompt tokens not decoded yet; 0 when it is generating. */
  readonly promptTokensLeft: number;
}

export interface StepLimits {
  /** Tokens of one batch. */
  readonly batchTokens: number;
  /** Prompt tokens of one step while somebody generates. */
  readonly prefillChunkTokens: number;
}

export interface StepShare<R> {
  readonly run: R;
  readonly tokens: number;
}

/**
 * What the next batch holds: a token for everybody who generates, then prompt chunks in order of admission.
 *
 * The budget keeps a running stream's pace while others prefill; with nobody generating a prompt takes the whole batch.
 */
export function planStep<R>(runs: readonly PlannedRun<R>[], limits: StepLimits): StepShare<R>[] {
  const shares: StepShare<R>[] = [];
  let room = limits.batchTokens;
  for (const { run, promptTokensLeft } of runs) {
    if (promptTokensLeft > 0 || room === 0) continue;
    shares.push({ run, tokens: 1 });
    room--;
  }
  let budget = shares.length > 0 ? Math.min(room, limits.prefillChunkTokens) : room;
  for (const { run, promptTokensLeft } of runs) {
    const tokens = Math.min(promptTokensLeft, budget);
    if (tokens === 0) continue;
    shares.push({ run, tokens });
    budget -= tokens;
  }
  return shares;
}
