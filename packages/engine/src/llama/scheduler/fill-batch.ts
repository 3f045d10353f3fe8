import type { NativeContext } from '../native-types.ts';
import type { StepShare } from './plan-step.ts';
import type { Run } from './run.ts';

/** The rows of logits that a run samples from: its next token from the first, those that follow draft tokens from the rest. */
export interface LogitRows {
  readonly run: Run;
  readonly logitIndexes: Uint32Array;
}

/** Puts the shares of one decode into the batch and their tokens into the slots. Returns what to sample afterwards. */
export function fillBatch(
  context: NativeContext,
  plan: readonly StepShare<Run>[],
  runs: readonly Run[],
): readonly LogitRows[] {
  const rows: LogitRows[] = [];
  context.initBatch(plan.reduce((total, share) => total + share.tokens, 0));
  // llama.cpp computes sequences together only where their numbers follow one another in the batch: out of order,
  // eight streams are up to eight passes over the weights.
  for (const { run, tokens } of plan.toSorted((a, b) => a.run.slot.id - b.run.slot.id)) {
    const { slot, text, nextToken } = run;
    const from = slot.cells.length;
    const part =
      nextToken === undefined
        ? text.subarray(from, from + tokens)
        : Uint32Array.of(nextToken, ...run.draft.slice(0, tokens - 1));
    const logitIndexes = context.addToBatch(slot.id, from, part, wantedLogits(run, tokens));
    for (const token of part) slot.cells.push(token);
    if (logitIndexes.length === 0) continue;
    rows.push({ run, logitIndexes });
    for (const other of runs) if (other.leader === run) rows.push({ run: other, logitIndexes });
  }
  return rows;
}

/** The places in a run's part of the batch whose logits are needed: the last of a text, or every one of an answer. */
function wantedLogits({ nextToken, text, slot }: Run, tokens: number): Uint32Array {
  if (nextToken !== undefined) return Uint32Array.from({ length: tokens }, (_, index) => index);
  const isWhole = slot.cells.length + tokens === text.length;
  return isWhole ? Uint32Array.of(tokens - 1) : NO_LOGITS;
}

const NO_LOGITS = new Uint32Array(0);
