import { nextCheckpoint } from '../cells/checkpoints.ts';
import type { PlannedRun, StepShare } from './plan-step.ts';
import type { Run } from './run.ts';
import type { SlotCells } from '../cells/slot-cells.ts';

export interface StopOptions {
  readonly cells: SlotCells;
  readonly batchTokens: number;
}

/** The run for the plan of the next step. Its prompt stops at the next checkpoint. */
export function plannedRun(run: Run, { cells, batchTokens }: StopOptions): PlannedRun<Run> {
  const { slot, text, nextToken, draft } = run;
  const decoded = slot.cells.length;
  const promptTokens = text.length;
  const stop = cells.losesCells
    ? nextCheckpoint({ decoded, promptTokens, batchTokens })
    : promptTokens;
  const promptTokensLeft = nextToken === undefined ? stop - decoded : 0;
  return { run, promptTokensLeft, draftTokens: draft.length };
}

/**
 * Takes the checkpoints that are due after a step: where a prompt stopped for one, and one per batch of an answer.
 *
 * @returns Undefined if the cells can be cut without checkpoints.
 */
export function takeCheckpoints(
  shares: readonly StepShare<Run>[],
  options: StopOptions,
): Promise<void> | undefined {
  for (const { run } of shares) options.cells.decoded(run.slot);
  return options.cells.losesCells ? takeDue(shares, options) : undefined;
}

async function takeDue(
  shares: readonly StepShare<Run>[],
  { cells, batchTokens }: StopOptions,
): Promise<void> {
  for (const { run, isPrompt } of shares) {
    const { slot, text } = run;
    const decoded = slot.cells.length;
    const isDue = isPrompt
      ? nextCheckpoint({ decoded: decoded - 1, promptTokens: text.length, batchTokens }) === decoded
      : cells.checkpoints.tokensSince(slot) >= batchTokens;
    if (isDue) await cells.checkpoints.take(slot);
  }
}
