import { isJsonObject } from '../json/json-object.ts';
import { NeuronUsage, USAGE_COMMENT } from '../neuron.ts';

/**
 * Keep-alive comment for a silent stream; clients ignore comments (WHATWG HTML, 9.2.6).
 *
 * One line without a blank line after it, because some decoders read the blank line as the end of an event and fail
 * on its empty data.
 */
export const SSE_KEEP_ALIVE = ': keep-alive\n';

/** The last event of every OpenAI stream. */
export const SSE_DONE = 'data: [DONE]\n\n';

/** The comment line before `[DONE]` in which neuron reports the usage of a stream to cortex. cortex removes it. */
export function formatUsageComment(usage: NeuronUsage): string {
  return `${USAGE_COMMENT}${JSON.stringify(usage)}\n`;
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;
const isMs = (value: unknown): value is number => Number.isFinite(value) && Number(value) >= 0;

/**
 * `NeuronUsage` as this version writes it, with every field; undefined for other values.
 *
 * Hand-written, because a schema takes ten times as long and every request comes here.
 */
function readOwnUsage(usage: unknown): NeuronUsage | undefined {
  if (!isJsonObject(usage)) return undefined;
  const { prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens } = usage;
  const { queue_ms, prompt_ms, first_token_ms, decode_ms, estimated } = usage;
  if (
    !isCount(prompt_tokens) ||
    !isCount(completion_tokens) ||
    !isCount(cached_tokens) ||
    !isCount(reasoning_tokens) ||
    !isMs(queue_ms) ||
    !isMs(prompt_ms) ||
    !isMs(first_token_ms) ||
    !isMs(decode_ms) ||
    typeof estimated !== 'boolean'
  ) {
    return undefined;
  }
  return {
    prompt_tokens,
    completion_tokens,
    cached_tokens,
    reasoning_tokens,
    queue_ms,
    prompt_ms,
    first_token_ms,
    decode_ms,
    estimated,
  };
}

/**
 * The JSON text of `x-neuron-usage`, or of a usage comment. Undefined when it does not have the form that neuron
 * writes.
 */
export function parseUsage(text: string): NeuronUsage | undefined {
  try {
    const usage: unknown = JSON.parse(text);
    return readOwnUsage(usage) ?? NeuronUsage.safeParse(usage).data;
  } catch {
    // A node of another version, or another server: cortex counts its tokens instead.
    return undefined;
  }
}
