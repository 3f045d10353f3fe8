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
  /** The tokens to decode before the next one is sampled: the prompt, or more if cells were lost later. */
  text: Uint32Array;
  /** The run whose prompt cells and first logits this one shares; undefined once it has its own cells. */
  leader: Run | undefined;
  /** Sampled but not decoded yet; undefined while `text` is decoded. */
  nextToken: Token | undefined;
  /** Draft tokens after `nextToken`, checked by the next step. */
  draft: readonly Token[];
  readonly draftLength: DraftLength;
}

export const isPaused = (run: Run): boolean => run.nextToken !== undefined && run.job.events.isFull;

export const isReady = (run: Run): boolean => run.leader === undefined && !isPaused(run);
