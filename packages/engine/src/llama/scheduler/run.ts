import type { NativeSampler, Token } from '../native-types.ts';
import type { DraftLength } from '../speculation/draft-length.ts';
import type { Answer } from './answer.ts';
import type { Job } from './job.ts';
import type { Slot } from '../cells/slots.ts';

/** One choice of one job on its slot. */
export interface Run {
  readonly job: Job;
  readonly answer: Answer;
  readonly slot: Slot;
  readonly sampler: NativeSampler;
  /** What is decoded before the next token is sampled: the prompt, or more where cells were lost later. */
  text: Uint32Array;
  /** The run whose prompt cells and first logits this one shares; undefined once the cells are its own. */
  leader: Run | undefined;
  /** Sampled and not decoded yet; undefined while `text` is being decoded. */
  nextToken: Token | undefined;
  /** Draft tokens that may follow `nextToken`; the next step checks them. */
  draft: readonly Token[];
  readonly draftLength: DraftLength;
}

export const isPaused = (run: Run): boolean => run.nextToken !== undefined && run.job.events.isFull;

export const isReady = (run: Run): boolean => run.leader === undefined && !isPaused(run);
