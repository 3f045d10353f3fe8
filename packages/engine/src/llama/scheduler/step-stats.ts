/** Weight of the newest measurement in a moving average over about twenty steps. */
const NEWEST = 0.1;

/** The work and the duration of one step. */
export interface RecordedStep {
  readonly sequences: number;
  /** Of these, the runs in their prompt; the others generate. */
  readonly promptSequences: number;
  readonly promptTokens: number;
  /** Sampled tokens that are not the first of their answer; 0 if each answer had already ended. */
  readonly generatedTokens: number;
  readonly ms: number;
  readonly atMs: number;
}

/** Counts and moving averages over the steps of one model. */
export class StepStats {
  readonly #batchSizes = new Map<number, number>();
  #lastStepAtMs: number | undefined;
  #longestStepMs = 0;
  #tokSPrefill: number | undefined;
  #tokSDecode: number | undefined;
  #draftedTokens = 0;
  #acceptedTokens = 0;
  #draftError: string | undefined;

  record(step: RecordedStep): void {
    this.#batchSizes.set(step.sequences, (this.#batchSizes.get(step.sequences) ?? 0) + 1);
    this.#lastStepAtMs = step.atMs;
    this.#longestStepMs = Math.max(this.#longestStepMs, step.ms);
    // The time of a mixed step covers both kinds of work, so it measures neither.
    if (step.promptSequences === step.sequences && step.promptTokens > 0)
      this.#tokSPrefill = average(this.#tokSPrefill, rate(step.promptTokens, step.ms));
    // The speed of one answer, not of all that share the step: cortex compares it with what the memory allows.
    if (step.promptSequences === 0 && step.generatedTokens > 0) {
      const tokens = step.generatedTokens / step.sequences;
      this.#tokSDecode = average(this.#tokSDecode, rate(tokens, step.ms));
    }
  }

  drafted({ drafted, accepted }: { readonly drafted: number; readonly accepted: number }): void {
    this.#draftedTokens += drafted;
    this.#acceptedTokens += accepted;
  }

  draftFailed(error: unknown): void {
    this.#draftError = error instanceof Error ? error.message : String(error);
  }

  read(nowMs: number): {
    lastStepAgeMs?: number | undefined;
    longestStepMs: number;
    batchSizes: Record<string, number>;
    tokSPrefill?: number | undefined;
    tokSDecode?: number | undefined;
    draftedTokens?: number | undefined;
    acceptedTokens?: number | undefined;
    draftError?: string | undefined;
  } {
    return {
      lastStepAgeMs: this.#lastStepAtMs === undefined ? undefined : nowMs - this.#lastStepAtMs,
      longestStepMs: this.#longestStepMs,
      batchSizes: Object.fromEntries(this.#batchSizes),
      tokSPrefill: this.#tokSPrefill,
      tokSDecode: this.#tokSDecode,
      ...(this.#draftedTokens > 0 && {
        draftedTokens: this.#draftedTokens,
        acceptedTokens: this.#acceptedTokens,
      }),
      draftError: this.#draftError,
    };
  }
}

const rate = (tokens: number, ms: number): number => (tokens / Math.max(ms, 0.001)) * 1000;

const average = (before: number | undefined, value: number): number =>
  before === undefined ? value : before + NEWEST * (value - before);
