import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import type { CompletionUsage } from '../../openai.ts';
import type { AnswerFacts } from '../dialect.ts';
import type { ResponseError } from './answer-error.ts';

/** What changes in a response while it is made. */
export interface ResponseState {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  readonly output: readonly JsonObject[];
  readonly usage?: CompletionUsage | undefined;
  readonly incompleteReason?: 'max_output_tokens' | 'content_filter' | undefined;
  readonly error?: ResponseError | undefined;
}

/** Fields of the request that the response repeats, with what they are where the request has none. */
const REPEATED: Readonly<Record<string, unknown>> = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  prompt_cache_key: undefined,
  safety_identifier: undefined,
  temperature: null,
  tool_choice: 'auto',
  tools: [],
  top_p: null,
  user: undefined,
};

/** Clients refuse an answer without counts, so a node that does not count gives zeros. */
const usageOf = (usage: CompletionUsage | undefined): JsonObject => ({
  input_tokens: usage?.prompt_tokens ?? 0,
  input_tokens_details: { cached_tokens: usage?.prompt_tokens_details?.cached_tokens ?? 0 },
  output_tokens: usage?.completion_tokens ?? 0,
  output_tokens_details: {
    reasoning_tokens: usage?.completion_tokens_details?.reasoning_tokens ?? 0,
  },
  total_tokens: usage?.total_tokens ?? 0,
});

const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});

/** Makes the response object of one request. @param id - Of the response */
export function responseMaker(
  body: JsonObject,
  { id, model, createdS }: Pick<AnswerFacts, 'model' | 'createdS'> & { readonly id: string },
): (state: ResponseState) => JsonObject {
  const repeated = Object.fromEntries(
    Object.entries(REPEATED).map(([field, otherwise]) => [field, body[field] ?? otherwise]),
  );
  const fixed = {
    ...repeated,
    model,
    background: false,
    previous_response_id: null,
    // The answer is not stored, whatever the request asks for.
    store: false,
    reasoning: { effort: null, summary: null, ...objectOf(body['reasoning']) },
    text: { format: objectOf(body['text'])['format'] ?? { type: 'text' } },
    service_tier: 'default',
    truncation: 'disabled',
  };
  return ({ status, output, usage, incompleteReason, error }) => ({
    id,
    object: 'response',
    created_at: createdS,
    status,
    error: error ?? null,
    incomplete_details: incompleteReason === undefined ? null : { reason: incompleteReason },
    ...fixed,
    output,
    usage: status === 'in_progress' || status === 'failed' ? null : usageOf(usage),
  });
}
