import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { EmbeddingList } from '../../vectors.ts';
import type { AnswerFacts, AnswerTimings } from '../dialect.ts';
import { AnswerReader } from '../neutral/read-answer.ts';
import type { OllamaAnswerOptions } from './node-answer.ts';
import { totalFields } from './timings.ts';
import { type OllamaForm, OllamaAnswerWriter } from './write-answer.ts';

const unreadable = (what: string): CortexError =>
  new CortexError('node_protocol_error', `The node's answer ${what}.`);

/**
 * The whole answer of a node, parsed, as that of `/api/chat` or `/api/generate` with `"stream": false`.
 *
 * @throws CortexError that the node sent in place of an answer; `node_protocol_error` for an answer without a finished
 * choice
 */
export function toOllamaAnswer(
  answer: unknown,
  facts: AnswerFacts,
  options: OllamaAnswerOptions,
): JsonObject {
  const reader = new AnswerReader(options.newCallId);
  const events = [...reader.pushWhole(answer), ...reader.end()];
  const whole = new OllamaAnswerWriter(facts, options.form).whole(events, options.timings());
  if (whole === undefined) throw unreadable('has no finished choice');
  return whole;
}

/** The answer to a request without a prompt, streamed or not: one object. */
export const toOllamaLoadAnswer = (
  kind: 'load' | 'unload',
  facts: AnswerFacts,
  { form, ...timings }: { readonly form: OllamaForm } & Pick<AnswerTimings, 'totalMs' | 'loadMs'>,
): JsonObject => new OllamaAnswerWriter(facts, form).withoutPrompt(kind, timings);

/** The vectors of a node's answer, in the order of the input. */
function vectorsOf(answer: unknown): { vectors: readonly unknown[]; promptTokens: number } {
  const list = EmbeddingList.safeParse(answer).data;
  if (list === undefined) throw unreadable('has no vectors');
  const ordered = list.data.toSorted((a, b) => a.index - b.index);
  return {
    vectors: ordered.map(({ embedding }) => embedding),
    promptTokens: list.usage.prompt_tokens,
  };
}

/**
 * The answer of `/api/embed`.
 *
 * @param answer - Of `/v1/embeddings` of a node; undefined: there was nothing to embed.
 * @throws CortexError `node_protocol_error` for another answer
 */
export function toOllamaEmbed(
  answer: unknown,
  { model }: Pick<AnswerFacts, 'model'>,
  timings: Pick<AnswerTimings, 'totalMs' | 'loadMs'>,
): JsonObject {
  const { vectors, promptTokens } =
    answer === undefined ? { vectors: [], promptTokens: 0 } : vectorsOf(answer);
  return { model, embeddings: vectors, ...totalFields(timings), prompt_eval_count: promptTokens };
}

/** The answer of `/api/embeddings`; parameter and errors as `toOllamaEmbed`. */
export const toOllamaEmbeddings = (answer: unknown): JsonObject => ({
  embedding: answer === undefined ? [] : (vectorsOf(answer).vectors[0] ?? []),
});
