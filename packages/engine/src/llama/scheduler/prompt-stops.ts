import { type Checkpoints, nextCheckpoint } from './checkpoints.ts';
import type { PlannedRun, StepShare } from './plan-step.ts';
import type { Run } from './run.ts';

/** A run as the next step's plan sees it. With `checkpoints` its prompt goes no further than where one is taken. */
export function plannedRun(run: Run, checkpoints: Checkpoints | undefined): PlannedRun<Run> {
  const { slot, job, nextToken, guesses } = run;
  const decoded = slot.cells.length;
  const promptTokens = job.prompt.length;
  const stop = checkpoints === undefined ? promptTokens : nextCheckpoint(decoded, promptTokens);
  const promptTokensLeft = nextToken === undefined ? stop - decoded : 0;
  return { run, promptTokensLeft, draftTokens: guesses.length };
}

/** Notes the prompts that a step brought to where later ones are likely to part from them. */
export async function takeCheckpoints(
  shares: readonly StepShare<Run>[],
  checkpoints: Checkpoints,
): Promise<void> {
  for (const { run, isPrompt } of shares) {
    const { cells } = run.slot;
    const isStop = nextCheckpoint(cells.length - 1, run.job.prompt.length) === cells.length;
    if (isPrompt && isStop) await checkpoints.take(run.slot);
  }
}
