import type { AnswerTimings } from '../dialect.ts';
import type { OllamaForm } from './write-answer.ts';

/** How the answer of a node becomes one of this API. */
export interface OllamaAnswerOptions {
  /** The route of the client. */
  readonly form: OllamaForm;
  /** Makes an id for a call that has none of its own. */
  readonly newCallId: () => string;
  /** Asked once, at the end. */
  readonly timings: () => AnswerTimings;
}
