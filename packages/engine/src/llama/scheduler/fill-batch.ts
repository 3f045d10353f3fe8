import type { NativeContext } from '../native-types.ts';
import type { StepShare } from './plan-step.ts';
import type { Run } from './run.ts';

/** A run whose next token is drawn from the logits at the first place of the batch, the guessed ones at the others. */
export interface Draw {
  readonly run: Run;
  readonly logitIndexes: Uint32Array;
}

/** Puts the shares of one decode into the batch and their tokens into the slots. Gives what is to be drawn then. */
export function fillBatch(
  context: NativeContext,
  plan: readonly StepShare<Run>[],
  runs: readonly Run[],
): readonly Draw[] {
  const drawn: Draw[] = [];
  context.initBatch(plan.reduce((total, share) => total + share.tokens, 0));
  // llama.cpp computes sequences together only where their numbers follow one another in the batch: out of order,
  // eight streams are up to eight passes over the weights.
  for (const { run, tokens } of plan.toSorted((a, b) => a.run.slot.id - b.run.slot.id)) {
    const { slot, job, nextToken } = run;
    const from = slot.cells.length;
    const part =
      nextToken === undefined
        ? job.prompt.subarray(from, from + tokens)
        : Uint32Array.of(nextToken, ...run.guesses.slice(0, tokens - 1));
    const logitIndexes = context.addToBatch(slot.id, from, part, wantedLogits(run, tokens));
    for (const token of part) slot.cells.push(token);
    if (logitIndexes.length === 0) continue;
    drawn.push({ run, logitIndexes });
    for (const other of runs) if (other.leader === run) drawn.push({ run: other, logitIndexes });
  }
  return drawn;
}

/** Places in a run's part of the batch whose logits are needed: the last of a prompt, every one of an answer. */
function wantedLogits({ nextToken, job, slot }: Run, tokens: number): Uint32Array {
  if (nextToken !== undefined) return Uint32Array.from({ length: tokens }, (_, index) => index);
  const isWhole = slot.cells.length + tokens === job.prompt.length;
  return isWhole ? Uint32Array.of(tokens - 1) : NO_LOGITS;
}

const NO_LOGITS = new Uint32Array(0);
