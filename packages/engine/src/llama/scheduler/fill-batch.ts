import type { NativeContext } from '../native-types.ts';
import type { StepShare } from './plan-step.ts';
import type { Run } from './run.ts';

/** The rows of logits for one run: the first for its next token, the rest for the tokens after draft tokens. */
export interface LogitRows {
  readonly run: Run;
  readonly logitIndexes: Uint32Array;
}

/** Adds the shares of one decode to the batch and their tokens to the slots. Returns the rows to sample afterwards. */
export function fillBatch(
  context: NativeContext,
  plan: readonly StepShare<Run>[],
  runs: readonly Run[],
): readonly LogitRows[] {
  const rows: LogitRows[] = [];
  context.initBatch(plan.reduce((total, share) => total + share.tokens, 0));
  // llama.cpp computes only sequences with consecutive ids together. Out of order, eight streams take up to eight
  // passes over the weights.
  const inOrder = plan.length > 1 ? plan.toSorted((a, b) => a.run.slot.id - b.run.slot.id) : plan;
  for (const { run, tokens } of inOrder) {
    const { slot } = run;
    const from = slot.cells.length;
    const part = tokensOf(run, tokens);
    const logitIndexes = context.addToBatch(slot.id, from, part, wantedLogits(run, tokens));
    for (const token of part) slot.cells.push(token);
    if (logitIndexes.length === 0) continue;
    rows.push({ run, logitIndexes });
    for (const other of runs) if (other.leader === run) rows.push({ run: other, logitIndexes });
  }
  return rows;
}

/** The next `tokens` tokens of a run. */
function tokensOf({ slot, text, nextToken, draft }: Run, tokens: number): Uint32Array {
  const from = slot.cells.length;
  if (nextToken === undefined) return text.subarray(from, from + tokens);
  if (tokens === 1) return Uint32Array.of(nextToken);
  return Uint32Array.of(nextToken, ...draft.slice(0, tokens - 1));
}

/** The positions in a run's part of the batch whose logits are needed: the last of a text, or all of an answer. */
function wantedLogits({ nextToken, text, slot }: Run, tokens: number): Uint32Array {
  if (nextToken !== undefined)
    return tokens === 1 ? FIRST_LOGITS : Uint32Array.from({ length: tokens }, (_, index) => index);
  const isWhole = slot.cells.length + tokens === text.length;
  return isWhole ? Uint32Array.of(tokens - 1) : NO_LOGITS;
}

const NO_LOGITS = new Uint32Array(0);
const FIRST_LOGITS = Uint32Array.of(0);
