import type { EngineTimings, EngineUsage } from '@cortex/engine';
import type { CompletionUsage, NeuronUsage } from '@cortex/protocol';

/** Usage as OpenAI writes it. A detail that is zero is absent, because users read "0 cached" as a problem. */
export function toCompletionUsage(usage: EngineUsage): CompletionUsage {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    ...(usage.cachedTokens > 0 && {
      prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    }),
    ...(usage.reasoningTokens > 0 && {
      completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    }),
  };
}

const tenths = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;

/** The figures of a finished request for cortex. */
export function toNeuronUsage(usage: EngineUsage, timings: EngineTimings): NeuronUsage {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    cached_tokens: usage.cachedTokens,
    reasoning_tokens: usage.reasoningTokens,
    queue_ms: tenths(timings.queueMs),
    prompt_ms: tenths(timings.promptMs),
    ...(timings.firstTokenMs !== undefined && { first_token_ms: tenths(timings.firstTokenMs) }),
    decode_ms: tenths(timings.decodeMs),
    estimated: false,
  };
}

/** The figures of a request whose engine died: counted by neuron, not measured by the engine. */
export function estimatedUsage(promptTokens: number, completionTokens: number): NeuronUsage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    cached_tokens: 0,
    reasoning_tokens: 0,
    queue_ms: 0,
    prompt_ms: 0,
    decode_ms: 0,
    estimated: true,
  };
}
