import type { NativeSampler, Token } from '../native-types.ts';
import type { DraftLength } from '../speculation/draft-length.ts';
import type { Answer } from './answer.ts';
import type { Job } from './job.ts';
import type { Slot } from './slots.ts';

/** One choice of one job on its slot. */
export interface Run {
  readonly job: Job;
  readonly answer: Answer;
  readonly slot: Slot;
  readonly sampler: NativeSampler;
  /** The run whose prompt cells and first logits this one shares; undefined once the cells are its own. */
  leader: Run | undefined;
  /** Drawn and not decoded yet; undefined while the prompt is being decoded. */
  nextToken: Token | undefined;
  /** Guessed to follow `nextToken`; checked in the next step and dropped. */
  guesses: readonly Token[];
  readonly draftLength: DraftLength;
}

export const isPaused = (run: Run): boolean => run.nextToken !== undefined && run.job.events.isFull;

export const isReady = (run: Run): boolean => run.leader === undefined && !isPaused(run);
