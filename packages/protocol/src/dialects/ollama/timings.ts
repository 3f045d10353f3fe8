import type { AnswerTimings } from '../dialect.ts';
import type { CompletionUsage } from '../../openai.ts';

const NS_PER_MS = 1e6;
const toNs = (ms: number): number => Math.round(ms * NS_PER_MS);

/** Durations of all answers, in nanoseconds. */
export const totalFields = ({ totalMs, loadMs }: Pick<AnswerTimings, 'totalMs' | 'loadMs'>) => ({
  total_duration: toNs(totalMs),
  load_duration: toNs(loadMs ?? 0),
});

/**
 * The members at the end of an answer: tokens, and nanoseconds. What is unknown is absent.
 *
 * @param counted - The usage in the answer, for nodes that do not report timings.
 */
export function metricFields(timings: AnswerTimings, counted: CompletionUsage | undefined) {
  const { usage } = timings;
  return {
    ...totalFields(timings),
    prompt_eval_count: usage?.prompt_tokens ?? counted?.prompt_tokens,
    prompt_eval_duration: usage === undefined ? undefined : toNs(usage.prompt_ms),
    eval_count: usage?.completion_tokens ?? counted?.completion_tokens,
    eval_duration: usage === undefined ? undefined : toNs(usage.decode_ms),
  };
}
