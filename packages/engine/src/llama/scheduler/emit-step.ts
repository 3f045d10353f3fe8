import type { TokenLogprob } from '../../engine/generate.ts';
import type { Token } from '../native-types.ts';
import type { Job } from './job.ts';
import type { Run } from './run.ts';
import { toErrorEvent, toStepError } from './step-error.ts';

export interface SampledToken {
  readonly run: Run;
  readonly token: Token;
  readonly logprob: TokenLogprob | undefined;
}

/**
 * Converts the tokens of a step to events, one batch per request.
 *
 * The next decode needs only the tokens and starts at once. Text, stop strings, tool calls and events are processed
 * while the kernels work.
 */
export class StepEmitter {
  #sampled: SampledToken[] = [];
  readonly #jobs = new Set<Job>();
  #time = { atMs: 0, stepMs: 0 };

  /** Adds a token whose text the next step does not need. The token after it may have to be discarded. */
  add(sampled: SampledToken): void {
    this.#sampled.push(sampled);
    this.#jobs.add(sampled.run.job);
  }

  /** Adds a token and processes it at once, because the next step depends on whether the answer continues. */
  addRead(sampled: SampledToken): void {
    read(sampled);
    this.#jobs.add(sampled.run.job);
  }

  /** Adds the end of an answer, after a token that ends it. */
  addEnd({ job, answer }: Run): void {
    job.add(answer.end('stop'));
    this.#jobs.add(job);
  }

  /** Records when the last added tokens were sampled, and how long their step had taken until then. */
  sampledAt(time: { readonly atMs: number; readonly stepMs: number }): void {
    this.#time = time;
  }

  /** Emits the added tokens. False if there were none. Never throws: an error ends its own request. */
  emit(): boolean {
    if (this.#jobs.size === 0) return false;
    for (const sampled of this.#sampled) read(sampled);
    this.#sampled = [];
    for (const job of this.#jobs) job.flush(this.#time.stepMs, this.#time.atMs);
    this.#jobs.clear();
    return true;
  }
}

/** Ignores tokens of a request that has ended since. */
function read({ run: { job, answer }, token, logprob }: SampledToken): void {
  if (job.isEnded) return;
  try {
    job.add(answer.push(token, logprob));
  } catch (error) {
    job.fail(toErrorEvent(toStepError(error)));
  }
}
