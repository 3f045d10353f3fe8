import type { TokenLogprob } from '../../engine.ts';
import type { Token } from '../native-types.ts';
import type { Job } from './job.ts';
import type { Run } from './run.ts';
import { toErrorEvent, toStepError } from './step-error.ts';

export interface DrawnToken {
  readonly run: Run;
  readonly token: Token;
  readonly logprob: TokenLogprob | undefined;
}

/**
 * Tokens that a step drew, on their way to text and to those who asked.
 *
 * The kernels need only the tokens themselves. So they go on to the next step at once, and what else a token costs (its
 * text, stop strings, tool calls, events) is done while they work.
 */
export class Handout {
  #drawn: DrawnToken[] = [];
  readonly #jobs = new Set<Job>();
  #time = { atMs: 0, stepMs: 0 };

  /** For a token whose text decides nothing about the next step but, at worst, that it was one too many. */
  add(drawn: DrawnToken): void {
    this.#drawn.push(drawn);
    this.#jobs.add(drawn.run.job);
  }

  /** For a token whose answer the next step has to know. */
  addRead(drawn: DrawnToken): void {
    read(drawn);
    this.#jobs.add(drawn.run.job);
  }

  /** The model ended its answer. */
  addEnd({ job, answer }: Run): void {
    job.add(answer.end('stop'));
    this.#jobs.add(job);
  }

  /** When what was added last was drawn, and what of its step it had taken till then. */
  drawn(time: { readonly atMs: number; readonly stepMs: number }): void {
    this.#time = time;
  }

  /** Hands out what was added; false when that is nothing. Never throws: what goes wrong ends the request it is about. */
  deliver(): boolean {
    if (this.#jobs.size === 0) return false;
    for (const drawn of this.#drawn) read(drawn);
    this.#drawn = [];
    for (const job of this.#jobs) job.flush(this.#time.stepMs, this.#time.atMs);
    this.#jobs.clear();
    return true;
  }
}

/** Of a request that has ended meanwhile nothing is handed out any more. */
function read({ run: { job, answer }, token, logprob }: DrawnToken): void {
  if (job.isEnded) return;
  try {
    job.add(answer.push(token, logprob));
  } catch (error) {
    job.fail(toErrorEvent(toStepError(error)));
  }
}
